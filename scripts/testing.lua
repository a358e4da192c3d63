-- luacsi.testing: doubles of CSI drivers in tests of Lua, best with busted.
--
--   local testing = require "luacsi.testing"
--
--   describe("a client", function()
--     after_each(testing.teardown)
--
--     it("sees the name", function()
--       local driver = testing.start "driver.lua"
--       assert.equal("demo.csi.example.com", driver:call("GetPluginInfo").name)
--     end)
--   end)

local script = require "luacsi.testing.script"
local server = require "luacsi.testing.server"

local has_luassert = pcall(require, "luassert")
if has_luassert then
  require "luacsi.testing.assertions"
end

local testing = {}

-- testing.start(source) -> driver: a luacsi process that serves a script on a socket of its own, and a
-- client of it. source: the path of a script, or a table with one of file, text (of a script) and handlers
-- (constants only), and perhaps config, nodeid, validate, env, flags, program. Raises, with the log, when
-- it does not serve.
testing.start = server.start

-- testing.load(source) -> script: the same script in this very process, on a clock that only moves when it
-- is advanced or when a handler waits. source: as of start (handlers may be functions), and what the script
-- sees of the world: files, exec, http, connect, call, mounts, env, now, timeout. Raises what is wrong with
-- the script.
testing.load = script.load

-- testing.teardown(): stops all drivers that were started. Raises when one was not clean: for after_each.
testing.teardown = server.teardown

-- testing.eventually(fn [, seconds]) -> the first true value that fn() gives, asked again and again; nil
-- once the time (30 seconds unless given) is over.
testing.eventually = server.eventually

return testing
