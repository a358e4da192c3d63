-- A Probe that runs for HTTP or grpc.health can get stuck inside one C function, as any handler. The thread
-- is given up then, but once that function returned, it wrote how it ended into the memory of the Probe that
-- ran by now: that one ended with an error of another run.

local host = require "spec.support.host"
local http = require "spec.support.http"
local process = require "spec.support.process"
local wait = require "spec.support.wait"

-- The first Probe is stuck long enough to be given up, and fails in the end.
local SCRIPT = [[
  local csi = require "csi"
  return {
    GetPluginInfo = { name = "stuck.csi.example.com", vendor_version = "1" },
    Probe = function()
      if csi.store.incr("asked") == 1 then
        string.find(("a"):rep(250), ("a-"):rep(3) .. "b")
        error("too late")
      end
      csi.sleep(0.02)
      return { ready = true }
    end,
  }
]]

-- The thread that the process began with, which runs the first Probe.
local function is_asleep(pid)
  return process.read_file(("/proc/%d/task/%d/stat"):format(pid, pid)):match("%) (%a)") == "S"
end

describe("a Probe that was stuck", function()
  after_each(host.teardown)

  it("does not write into the one that runs when it returns", function()
    local server, port = http.serve { script = SCRIPT, flags = { "--handler-cpu", "50ms", "--no-watch" } }
    assert.matches("stuck and was given up", http.get(port, "/healthz").body, 1, true)
    assert(wait.for_(function()
      assert.same("ok", http.get(port, "/healthz").body)
      return is_asleep(server.process.pid)
    end, 60))
    assert.same("ok", http.get(port, "/healthz").body)
  end)
end)
