-- Replies of handlers of the real binary, whose state remembers the names of fields and enum values: what it
-- answers has to be what the codec makes of the same table without that.

local host = require "spec.support.host"
local messages = require "spec.support.messages"
local random = require "spec.support.random"

local ROUNDS = 8 -- random replies of each method

after_each(host.teardown)

-- The Lua source of a table; each string of it is put together when it runs.
local function source_of(value)
  if type(value) == "string" then
    return ("join(%q, %q)"):format(value:sub(1, #value // 2), value:sub(#value // 2 + 1))
  elseif type(value) ~= "table" then
    return ("%q"):format(value)
  end
  local parts = {}
  for key, item in pairs(value) do
    parts[#parts + 1] = ("[%s] = %s"):format(source_of(key), source_of(item))
  end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

-- A handler that returns the tables one after the other.
local function handler_of(tables)
  local parts = {}
  for i, value in ipairs(tables) do
    parts[i] = ("function() return %s end"):format(source_of(value))
  end
  return ("in_turn { %s }"):format(table.concat(parts, ", "))
end

local PRELUDE = [[
  local function join(a, b)
    return a .. b
  end
  local function in_turn(replies)
    local n = 0
    return function()
      n = n % #replies + 1
      collectgarbage() -- what nobody holds is gone, and its memory another's
      return replies[n]()
    end
  end
]]

describe("a handler's reply", function()
  it("of any method is the message that its table stands for, also the next time", function()
    local numbers = random.new "handlers"
    local replies, handlers = {}, {}
    for _, method in ipairs(messages.unary_methods()) do
      local tables = {}
      for i = 1, ROUNDS do
        tables[i] = messages.random(numbers, method.response, {})
      end
      replies[method.name] = tables
      handlers[#handlers + 1] = ("%s = %s"):format(method.name, handler_of(tables))
    end
    local server = host.serve {
      flags = { "--validate", "off" },
      script = ("%s return { %s }"):format(PRELUDE, table.concat(handlers, ",\n")),
    }
    local connection <close> = server:connect()
    for _, method in ipairs(messages.unary_methods()) do
      for round = 1, 2 * ROUNDS do
        local source = replies[method.name][(round - 1) % ROUNDS + 1]
        assert.same(messages.filled(method.response, source),
          (assert(connection:call(method.name, {}))),
          ("%s, LUACSI_SEED=%d"):format(method.name, random.seed))
      end
    end
  end)

  it("has no field or value of a name that only looks like one", function()
    local server = host.serve { script = PRELUDE .. [[
      return {
        GetPluginInfo = in_turn {
          function() return { name = "a", vendor_version = "1" } end,
          function() return { name = "a", vendor_version = "1", [join("na", "me\0")] = "b" } end,
          function() return { name = "a", vendor_version = "1", [join("nam", "")] = "b" } end,
          function() return { name = "a", vendor_version = "1", [join("name", ("e"):rep(60))] = "b" } end,
        },
        NodeGetCapabilities = in_turn {
          function() return { capabilities = { { rpc = { type = "GET_VOLUME_STATS" } } } } end,
          function() return { capabilities = { { rpc = { type = join("GET_VOLUME_STATS", "\0") } } } } end,
          function() return { capabilities = { { rpc = { type = join("CREATE_DELETE_", "VOLUME") } } } } end,
        },
      }]] }
    local connection <close> = server:connect()
    local function refused(method, reason)
      local reply, code, message = connection:call(method, {})
      assert.same({ nil, "INTERNAL" }, { reply, code })
      assert(message:find(reason, 1, true), message)
    end
    for _ = 1, 2 do
      assert(connection:call("GetPluginInfo", {}))
      refused("GetPluginInfo", "GetPluginInfoResponse: no field is called string")
      refused("GetPluginInfo", 'GetPluginInfoResponse: no field is called "nam" (did you mean name?)')
      refused("GetPluginInfo", "GetPluginInfoResponse: no field is called string")
      assert(connection:call("NodeGetCapabilities", {}))
      refused("NodeGetCapabilities", "NodeGetCapabilitiesResponse.capabilities[1].rpc.type: expected a ")
      refused("NodeGetCapabilities", 'got string "CREATE_DELETE_VOLUME"')
    end
  end)
end)
