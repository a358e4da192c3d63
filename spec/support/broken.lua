-- Every way to break a table that stands for a message, at every place in it.

local messages = require "spec.support.messages"

local broken = {}

-- ---- the places of a table ----

local add_message

local function add_value(list, path, keys, field, value)
  list[#list + 1] = { path = path, keys = keys, field = field }
  local shape = field.kind == "message" and messages.shape(field.message)
  if shape and (shape.form == "table" or shape.form == "map_entry") then
    add_message(list, path, keys, field.message, value)
  end
end

local function with(keys, key)
  local result = table.move(keys, 1, #keys, 1, {})
  result[#result + 1] = key
  return result
end

function add_message(list, path, keys, name, source)
  list[#list + 1] = { path = path, keys = keys, message = name }
  for _, field in ipairs(messages.shape(name).fields) do
    local here, inner, value = path .. "." .. field.name, with(keys, field.name), source[field.name]
    if field.repeated and value then
      list[#list + 1] = { path = here, keys = inner, field = field, container = true, secret = field.secret }
      for key, item in pairs(value) do
        local step = field.map and "." .. (field.secret and "***" or key) or ("[%d]"):format(key)
        local kind = field.map and messages.shape(field.message).fields[2] or field
        add_value(list, here .. step, with(inner, key), kind, item)
        list[#list].secret = field.secret
      end
    elseif value ~= nil then
      add_value(list, here, inner, field, value)
    end
  end
end

-- All places of a table: path (as an error names it), keys (the way to it), and field (of the value
-- there; container: the list or map as a whole) or message (what the table there is). secret: an error
-- must not show what is there. (CSI's secrets are maps of strings.)
function broken.places(name, source)
  local list = {}
  local short = name:match("%.v1%.(.+)") or name:match("^pluginregistration%.(.+)") or name
  add_message(list, short, {}, name, source)
  return list
end

local function copy(value)
  if type(value) ~= "table" then
    return value
  end
  local result = {}
  for key, item in pairs(value) do
    result[key] = copy(item)
  end
  return result
end

-- A copy of the table in which change(value) stands at the place.
function broken.at(source, place, change)
  if #place.keys == 0 then
    return change(copy(source))
  end
  local result = copy(source)
  local parent = result
  for i = 1, #place.keys - 1 do
    parent = parent[place.keys[i]]
  end
  local last = place.keys[#place.keys]
  parent[last] = change(parent[last])
  return result
end

-- ---- the ways ----

-- A way: a value or a function of what was there, and what the error says behind the path: the whole
-- text, or a pattern where it begins with ^.
local function instead(value, text)
  return { change = function() return value end, text = text }
end

local function changed(change, text)
  return { change = change, text = text }
end

local COMMON = {
  { value = function() end, got = "function" },
  { value = coroutine.create(print), got = "thread" },
  { value = io.stderr, got = "userdata" },
}

local function wrong_types(expected, values)
  local ways = {}
  for _, wrong in ipairs(COMMON) do
    ways[#ways + 1] = instead(wrong.value, ("expected %s, got %s"):format(expected, wrong.got))
  end
  for i = 1, #values, 2 do
    ways[#ways + 1] = instead(values[i], ("expected %s, got %s"):format(expected, values[i + 1]))
  end
  return ways
end

local STRING_NUL = "expected a string without NUL, got one with NUL"
local STRING_UTF8 = "expected UTF-8, got a string of other bytes"

local function string_ways()
  local ways = wrong_types("string", {
    12, "number 12", 1.5, "number 1.5", true, "boolean true", false, "boolean false", {}, "table",
  })
  for _, text in ipairs { "\0", "a\0b", "a\0" } do
    ways[#ways + 1] = instead(text, STRING_NUL)
  end
  for _, text in ipairs { "\xff", "a\x80", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80" } do
    ways[#ways + 1] = instead(text, STRING_UTF8)
  end
  return ways
end

local function integer_ways(expected, too_much)
  local values = {
    "12", 'string "12"', "", 'string ""', true, "boolean true", {}, "table", 1.5, "number 1.5",
    2.0 ^ 63, "number 9.2233720368547758e+18", -2.0 ^ 64, "number -1.8446744073709552e+19",
    math.huge, "number inf", -math.huge, "number -inf",
  }
  return wrong_types(expected, table.move(too_much, 1, #too_much, #values + 1, values))
end

local function enum_ways()
  local type_pattern = "^expected a? ?[%w.]+"
  return {
    instead("NO_SUCH_NAME", type_pattern .. ' %([%u%d_, ]+%), got string "NO_SUCH_NAME"'),
    instead("", type_pattern .. ' %([%u%d_, ]+%), got string ""'),
    instead("UNKNOWN\0", type_pattern .. " %([%u%d_, ]+%), got string"),
    instead(9999, type_pattern .. " %([%u%d_, ]+%), got number 9999$"),
    instead(-1, type_pattern .. " %([%u%d_, ]+%), got number %-1$"),
    instead(1.5, type_pattern .. ", got number 1.5$"),
    instead(2 ^ 40 | 0, type_pattern .. ", got number 1099511627776$"),
    instead(true, type_pattern .. ", got boolean true$"),
    instead({}, type_pattern .. ", got table$"),
  }
end

local function deep(levels)
  local value = {}
  for _ = 1, levels do
    value = { value }
  end
  return value
end

local function table_ways()
  return wrong_types("table", { "{}", 'string "{}"', 1, "number 1", true, "boolean true" })
end

local SCALARS = {
  bool = function()
    return wrong_types("boolean", { "true", 'string "true"', 1, "number 1", {}, "table" })
  end,
  int32 = function()
    return integer_ways("32-bit integer", {
      2 ^ 31 | 0, "number 2147483648", -(2 ^ 31 | 0) - 1, "number -2147483649", 2.0 ^ 31, "number 2147483648",
    })
  end,
  int64 = function() return integer_ways("integer", {}) end,
  enum = enum_ways,
  string = string_ways,
  bytes = function() return wrong_types("string (bytes)", { 12, "number 12", {}, "table" }) end,
}

local function value_ways(field)
  if field.kind ~= "message" then
    return SCALARS[field.kind](field)
  end
  local shape = messages.shape(field.message)
  if shape.form == "wrapper" then
    return SCALARS[shape.fields[1].kind](shape.fields[1])
  elseif shape.form == "timestamp" then
    return wrong_types("RFC 3339 string", {
      12, "number 12", {}, "table", "now", 'string "now"', "2026-02-30T00:00:00Z",
        'string "2026-02-30T00:00:00Z"',
    })
  end
  return table_ways()
end

local function set(key, value)
  return function(container)
    container[key] = value
    return container
  end
end

local function list_ways()
  return {
    changed(function(list) return { list[1], nil, list[1] } end,
      "expected a list without holes, got nothing at 2 and a value at 3"),
    changed(function(list) return { [2] = list[1] } end,
      "expected a list without holes, got nothing at 1 and a value at 2"),
    changed(function(list) return { list[1], [1 << 40] = list[1] } end,
      "expected a list without holes, got nothing at 2 and a value at 1099511627776"),
    changed(set("first", 1), 'expected a list, got the key "first"'),
    changed(set(0, 1), "expected a list, got the key number 0"),
    changed(set(-1, 1), "expected a list, got the key number -1"),
    changed(set(1.5, 1), "expected a list, got the key number 1.5"),
    changed(set(true, 1), "expected a list, got the key boolean true"),
  }
end

local function map_ways()
  return {
    changed(set(1, "x"), "expected strings as keys, got number 1"),
    changed(set(1.5, "x"), "expected strings as keys, got number 1.5"),
    changed(set(true, "x"), "expected strings as keys, got boolean true"),
    changed(set({}, "x"), "expected strings as keys, got table"),
  }
end

local function container_ways(field)
  local ways = field.map and map_ways() or list_ways()
  for _, value in ipairs { "x", 1, true, print } do
    ways[#ways + 1] = instead(value, "^expected table %(.+%), got " .. type(value))
  end
  return ways
end

-- Two arms of a oneof, where the message has one.
local function two_arms(name)
  local first
  for _, field in ipairs(messages.shape(name).fields) do
    if field.oneof and first and first.oneof == field.oneof then
      return changed(function() return { [first.name] = {}, [field.name] = {} } end,
        ("expected one of a oneof, got both %s and %s"):format(first.name, field.name))
    end
    first = field.oneof and field or first
  end
end

local function message_ways(name)
  local ways = {
    changed(set("no_such_field_here", 1), '^no field is called "no_such_field_here"'),
    changed(set("", 1), '^no field is called ""'),
    changed(set(1, 1), "^no field is called number 1"),
    changed(set(true, 1), "^no field is called boolean true"),
    changed(set(1.5, 1), "^no field is called number 1.5"),
    changed(function(value) return set("itself", value)(value) end, '^no field is called "itself"'),
    changed(function() return deep(10000) end, "^no field is called number 1"),
  }
  ways[#ways + 1] = two_arms(name)
  return ways
end

-- The same ways, where an error names types only.
local function in_secret(ways)
  for _, way in ipairs(ways) do
    for _, kind in ipairs { "string", "number", "boolean" } do
      way.text = way.text:gsub("got " .. kind .. " .*$", "got " .. kind)
    end
  end
  return ways
end

-- The ways to break what is at a place: each has change (a function of the value there) and text.
function broken.ways(place)
  if place.message then
    return message_ways(place.message)
  end
  local ways = place.container and container_ways(place.field) or value_ways(place.field)
  return place.secret and in_secret(ways) or ways
end

return broken
