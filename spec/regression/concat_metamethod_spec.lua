-- Lua 5.4.4, as Debian ships it, uses freed memory when a __concat makes the stack grow: fifteen calls
-- deep are enough to lose the result, some more kill the process. A metatable with __concat is refused.

local eval = require "spec.support.eval"
local host = require "spec.support.host"

local GROW = [[
  local function grow(n) return n == 0 and 1 or 1 + grow(n - 1) end
  local function concat() grow(20000) return "x" end
]]

describe("__concat", function()
  after_each(host.teardown)

  it("is refused where it would be set", function()
    local server = eval.serve()
    for _ = 1, 10 do
      local ok, message = server:values(GROW .. [[
        return pcall(function()
          local t = setmetatable({}, { __concat = concat })
          return coroutine.wrap(function() return "a" .. "b" .. t .. "c" .. t end)()
        end)]])
      assert.is_false(ok)
      assert.matches("bad argument #2 to 'setmetatable' %(__concat is not available", message)
    end
    assert.equal("ab", (server:values "return 'a' .. 'b'"))
  end)
end)
