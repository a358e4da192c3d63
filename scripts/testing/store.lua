-- csi.store on a virtual clock, with the limits of the real one.

local store = {}

local KEY_BYTES, STRING_BYTES, MOST_SECONDS = 256, 64 * 1024, 1000000000

local function misuse(index, name, text, ...)
  error(("bad argument #%d to '%s' (%s)"):format(index, name, text:format(...)), 4)
end

local function check_key(name, key)
  if type(key) ~= "string" then
    misuse(1, name, "string expected, got %s", type(key))
  elseif #key == 0 or #key > KEY_BYTES then
    misuse(1, name, "expected a key of 1 to %d bytes, got %d", KEY_BYTES, #key)
  elseif not utf8.len(key) then
    misuse(1, name, "expected a key in UTF-8")
  end
end

local KINDS = { ["nil"] = true, boolean = true, number = true, string = true }

local function check_value(name, index, value)
  if not KINDS[type(value)] then
    misuse(index, name, "nil, boolean, number or string expected, got %s", type(value))
  elseif type(value) == "string" and #value > STRING_BYTES then
    misuse(index, name, "expected a string of at most %d bytes, got %d", STRING_BYTES, #value)
  elseif value ~= value or value == math.huge or value == -math.huge then
    misuse(index, name, "expected a finite number")
  end
end

local function check_ttl(options)
  if options == nil then
    return nil
  elseif type(options) ~= "table" then
    misuse(3, "set", "table expected, got %s", type(options))
  end
  for key in pairs(options) do
    if key ~= "ttl" then
      misuse(3, "set", "expected no other field than ttl")
    end
  end
  local ttl = options.ttl
  if ttl ~= nil and not (type(ttl) == "number" and ttl > 0 and ttl <= MOST_SECONDS) then
    misuse(3, "set", "ttl: expected seconds, more than 0 and at most 1000000000")
  end
  return ttl
end

local function equal(a, b)
  return a == b and math.type(a) == math.type(b)
end

-- tasks: whose clock it is.
function store.new(tasks)
  local entries = {} -- from key to { value =, expires = }
  local module = {}

  local function find(key)
    local entry = entries[key]
    if entry and entry.expires and entry.expires <= tasks.now then
      entries[key], entry = nil, nil
    end
    return entry
  end

  local function put(key, value, expires)
    entries[key] = value ~= nil and { value = value, expires = expires } or nil
  end

  function module.get(key)
    check_key("get", key)
    local entry = find(key)
    return entry and entry.value
  end

  function module.set(key, value, options)
    check_key("set", key)
    check_value("set", 2, value)
    local ttl = check_ttl(options)
    put(key, value, ttl and tasks.now + ttl)
  end

  function module.incr(key, by)
    check_key("incr", key)
    if by ~= nil and math.type(by) ~= "integer" then
      misuse(2, "incr", "integer expected, got %s", type(by))
    end
    local entry = find(key)
    local old = entry and entry.value or 0
    if math.type(old) ~= "integer" then
      local kind = math.type(old) or type(old)
      error(("csi.store.incr: %s: expected an integer, got a %s"):format(key, kind), 2)
    end
    local sum = old + (by or 1)
    if (sum < old) ~= ((by or 1) < 0) then
      error(("csi.store.incr: %s: %d and %d make no 64-bit integer"):format(key, old, by or 1), 2)
    end
    put(key, sum, entry and entry.expires)
    return sum
  end

  function module.cas(key, old, new)
    check_key("cas", key)
    check_value("cas", 2, old)
    check_value("cas", 3, new)
    local entry = find(key)
    if not equal(entry and entry.value, old) then
      return false
    end
    put(key, new, entry and entry.expires)
    return true
  end

  function module.keys(prefix)
    local list = {}
    for key in pairs(entries) do
      if find(key) and key:sub(1, #(prefix or "")) == (prefix or "") then
        list[#list + 1] = key
      end
    end
    table.sort(list)
    return list
  end

  return module
end

return store
