-- The codec, held to its promises on random messages of every type of CSI.

local broken = require "spec.support.broken"
local luacsi = require "luacsi"
local messages = require "spec.support.messages"
local random = require "spec.support.random"

local ROUNDS = 25 -- random messages of each type

-- Runs check(random, name) for each type; what fails names the type and the seed.
local function for_each_type(property, rounds, check)
  local numbers = random.new(property)
  for _, name in ipairs(messages.names()) do
    for _ = 1, rounds do
      local ok, fault = pcall(check, numbers, name)
      if not ok then
        error(("%s, LUACSI_SEED=%d: %s"):format(name, random.seed, fault.message or tostring(fault)), 0)
      end
    end
  end
end

-- Decodes what may be no message at all; then there has to be a reason.
local function decode_or_reason(name, bytes)
  local value, reason = luacsi.decode(name, bytes)
  assert(value ~= nil or type(reason) == "string" and #reason > 0, "neither a message nor a reason")
  return value
end

describe("every message", function()
  it("is the same table again behind its bytes", function()
    for_each_type("table", ROUNDS, function(numbers, name)
      local source = messages.random(numbers, name, {})
      local bytes = assert(luacsi.encode(name, source))
      assert.same(messages.filled(name, source), luacsi.decode(name, bytes))
    end)
  end)

  it("is the same bytes again behind its table, those of another encoder", function()
    for_each_type("bytes", ROUNDS, function(numbers, name)
      local source = messages.filled(name, messages.random(numbers, name, {}))
      local bytes = messages.bytes(name, source)
      local value = assert(luacsi.decode(name, bytes))
      assert.same(source, value)
      assert.equal(bytes, luacsi.encode(name, value))
    end)
  end)

  it("is read around fields that CSI does not know", function()
    for_each_type("unknown", ROUNDS, function(numbers, name)
      local source = messages.filled(name, messages.random(numbers, name, {}))
      assert.same(source, luacsi.decode(name, messages.bytes(name, source, numbers)))
    end)
  end)

  it("is read from its parts: two halves behind each other are one message", function()
    for_each_type("halves", ROUNDS, function(numbers, name)
      local whole = messages.filled(name, messages.random(numbers, name, {}))
      local first, second = {}, {}
      for key, value in pairs(whole) do
        (numbers:chance(50) and first or second)[key] = value
      end
      assert.same(whole, luacsi.decode(name, messages.bytes(name, first) .. messages.bytes(name, second)))
    end)
  end)
end)

describe("a broken table of any message", function()
  local function check(numbers, name)
    local source = messages.random(numbers, name, { dense = true })
    for _, place in ipairs(broken.places(name, source)) do
      for _, way in ipairs(broken.ways(place)) do
        local bytes, text = luacsi.encode(name, broken.at(source, place, way.change))
        assert(not bytes, place.path .. ": taken, though broken: " .. way.text)
        local start = place.path .. ": "
        local says = text:sub(1, #start) == start and text:sub(#start + 1) or ""
        local as_wanted = way.text:find("^%^") and says:find(way.text) or says == way.text
        assert(as_wanted, ("expected %q\nthen %q\ngot %q"):format(start, way.text, text))
      end
    end
  end

  it("gives an error with the place, what was expected and what came", function()
    for_each_type("broken", 1, check)
  end)

  it("gives an error for a cycle, wherever it closes", function()
    for_each_type("cycle", 1, function(numbers, name)
      local source = messages.random(numbers, name, { dense = true })
      for _, place in ipairs(broken.places(name, source)) do
        if #place.keys > 0 then
          local root
          root = broken.at(source, place, function() return root end)
          local parent = root
          for i = 1, #place.keys - 1 do
            parent = parent[place.keys[i]]
          end
          parent[place.keys[#place.keys]] = root
          local bytes, text = luacsi.encode(name, root)
          assert(not bytes and text:find(place.path, 1, true) == 1, text or place.path .. ": taken")
        end
      end
    end)
  end)
end)

describe("metatables of any message's tables", function()
  local called

  local function call()
    called = called + 1
    error("a metamethod ran")
  end

  local METAMETHODS = {
    __index = call, __newindex = call, __pairs = call, __len = call, __call = call, __tostring = call,
    __eq = call, __lt = call, __le = call, __name = "Pretender", __metatable = "locked",
  }

  local function dress(value)
    if type(value) == "table" then
      for _, item in pairs(value) do
        dress(item)
      end
      setmetatable(value, METAMETHODS)
    end
    return value
  end

  before_each(function() called = 0 end)

  it("change nothing and are not run", function()
    for_each_type("metatables", 5, function(numbers, name)
      local source = messages.random(numbers, name, {})
      local bytes = assert(luacsi.encode(name, source))
      assert.equal(bytes, luacsi.encode(name, dress(source)))
      assert.equal(0, called)
    end)
  end)

  it("are not run for an error either", function()
    for_each_type("metatables of broken tables", 1, function(numbers, name)
      local source = messages.random(numbers, name, { dense = true })
      for _, place in ipairs(broken.places(name, source)) do
        local wrong = setmetatable({ [{}] = 1 }, METAMETHODS)
        assert(not luacsi.encode(name, broken.at(source, place, function() return wrong end)))
      end
      assert.equal(0, called)
    end)
  end)
end)

describe("bytes that are not a whole message", function()
  it("are a shorter message or an error, wherever they end", function()
    for_each_type("truncated", 1, function(numbers, name)
      local source = messages.filled(name, messages.random(numbers, name, { dense = true }))
      local bytes = messages.bytes(name, source)
      for size = 0, #bytes - 1, 1 + #bytes // 200 do
        decode_or_reason(name, bytes:sub(1, size))
      end
    end)
  end)

  it("are a message or an error when some are other bytes, and a message stays the same", function()
    for_each_type("flipped", 20, function(numbers, name)
      local bytes = messages.bytes(name, messages.filled(name, messages.random(numbers, name, {})))
      for _ = 1, 3 do
        local at = numbers:integer(0, #bytes)
        local cut = numbers:chance(50) and 2 or 1
        bytes = bytes:sub(1, at) .. numbers:bytes(numbers:integer(0, 2)) .. bytes:sub(at + cut)
      end
      local value = decode_or_reason(name, bytes)
      local again = value and luacsi.encode(name, value) -- nil: an enum's number that CSI does not know
      if again then
        assert.same(value, luacsi.decode(name, again))
      end
    end)
  end)

  it("are an error or a message when they are garbage", function()
    for_each_type("garbage", 50, function(numbers, name)
      decode_or_reason(name, numbers:bytes(numbers:integer(1, 40)))
    end)
  end)
end)
