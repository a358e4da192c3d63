-- A script can get stuck inside one C function while it loads, where no budget reaches it. At start, serve
-- hung for ever; at a reload, what was saved while the load was stuck was not taken up afterwards.

local host = require "spec.support.host"
local process = require "spec.support.process"
local wait = require "spec.support.wait"

local STUCK = [[
  require("csi").log.info("now")
  string.find(("a"):rep(3000), ("a-"):rep(6) .. "b")
  return {}]]

local function script(version)
  return ([[return { GetPluginInfo = { name = "load.csi.example.com", vendor_version = "%s" } }]])
    :format(version)
end

describe("a script that is stuck while it loads", function()
  after_each(host.teardown)

  it("does not start", function()
    local result = host.serve_refused { script = STUCK, flags = { "--handler-timeout", "100ms" } }
    assert.equal(1, result.code)
    assert.matches("Loading the script is stuck inside one C function, the process ends", result.stderr)
  end)

  it("is given up for the one that was saved meanwhile", function()
    local server = host.serve { script = script "1", flags = { "--handler-timeout", "500ms" } }
    local client = server:connect()
    local path = server.dir .. "/script.lua"
    process.write_file(path, STUCK)
    server:wait_log '"now"'
    process.write_file(path, script "2")
    assert(wait.for_(function() return client:call("GetPluginInfo").vendor_version == "2" end))
    assert.matches('reason="loading it is stuck and was given up"', server:log())
  end)

  it("ends the process, when a fresh state is needed", function()
    local server = host.serve {
      script = [[
        local csi = require "csi"
        if csi.store.incr("loads") == 2 then string.find(("a"):rep(3000), ("a-"):rep(6) .. "b") end
        return {
          GetPluginInfo = { name = "load.csi.example.com", vendor_version = "1" },
          Probe = function() string.find(("a"):rep(3000), ("a-"):rep(6) .. "b") end,
        }]],
      flags = { "--handler-timeout", "200ms", "--handler-cpu", "50ms", "--no-watch" },
    }
    server:connect():call("Probe", {}, { timeout = 10 })
    assert.equal(70, server.process:wait())
    server.process.done = true
  end)
end)
