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
-- @class luacsi.source
-- @field file? string path of a script
-- @field text? string of a script
-- @field handlers? csi.handlers
-- @field config? table<string, string> csi.config
-- @field nodeid? string csi.config.nodeid
-- @field validate? "strict"|"warn"|"off"
-- @field env? table<string, string> environment variables
-- @class luacsi.start_options: luacsi.source
-- @field flags? string[] of luacsi serve
-- @field clock? "virtual"|"real"|string
-- @field seed? integer of the numbers of math.random
-- @field program? string the luacsi to run; LUACSI in the environment, else luacsi in PATH
-- @field limit? number seconds that start and stop wait, 30 unless given
-- @param source string|luacsi.start_options
-- @return luacsi.driver
testing.start = server.start

-- testing.load(source) -> script: the same script in this very process, on a clock that only moves when it
-- is advanced or when a handler waits. source: as of start (handlers may be functions), and what the script
-- sees of the world: files, exec, http, connect, call, mounts, upstream, env, now, timeout. Raises what is
-- wrong with the script.
-- @alias luacsi.ask fun(method: csi.method, request: table): table?, csi.code?, string?
-- @alias luacsi.upstream luacsi.ask|table<csi.method, table|fun(request: table): table?, csi.code?, string?>
-- @class luacsi.load_options: luacsi.source
-- @field now? number seconds since the epoch, where the clock begins
-- @field timeout? number seconds that a handler may take, 5 unless given
-- @field seed? integer of the numbers of math.random
-- @field files? table<string, any> path to content, or to a table as csi.stat gives it, perhaps with content
-- @field exec? table<string, any> command line, or program, to { status =, stdout =, stderr = }
-- @field http? table<string, any> URL to { status =, body =, headers = }
-- @field connect? table<string, any> address to true
-- @field call? table<string, any> endpoint to a script that was loaded
-- @field mounts? csi.mount[]
-- @field upstream? luacsi.upstream
-- @param source string|luacsi.load_options
-- @return luacsi.script
testing.load = script.load

-- testing.teardown(): stops all drivers that were started. Raises when one was not clean: for after_each.
testing.teardown = server.teardown

-- testing.eventually(fn [, seconds]) -> the first true value that fn() gives, asked again and again; nil
-- once the time (30 seconds unless given) is over.
-- @generic T
-- @param fn fun(): T?
-- @param seconds? number
-- @return T?
testing.eventually = server.eventually

return testing
