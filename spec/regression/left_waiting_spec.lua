-- A coroutine can be left waiting by a call that has ended, with another one inside that really waits. When a
-- later call resumed it out of a comparison of table.sort, and it waited again, the host took the place for
-- one where it can: the call failed, its memory was used for the next one, and the timer that was still in
-- there killed the process.

local host = require "spec.support.host"

local SCRIPT = [[
  local csi = require "csi"
  local left = coroutine.create(function()
    pcall(coroutine.wrap(function() csi.sleep(60) end))
    csi.sleep(0.01)
  end)
  return {
    GetPluginInfo = function()
      csi.sleep(0.05)
      return { name = "left.csi.example.com", vendor_version = "1" }
    end,
    NodeGetInfo = function() coroutine.resume(left) end,
    DeleteVolume = function()
      table.sort({ 2, 1 }, function() return error((select(2, coroutine.resume(left))), 0) end)
    end,
    DeleteSnapshot = function()
      coroutine.resume(left)
      return {}
    end,
  }]]

describe("a coroutine that was left waiting", function()
  after_each(host.teardown)

  local function left_waiting()
    local flags = { "--handler-timeout", "100ms", "--validate", "off" }
    local server = host.serve { script = SCRIPT, flags = flags }
    local client = server:connect()
    assert.equal("DEADLINE_EXCEEDED", (select(2, client:call("NodeGetInfo"))))
    return client
  end

  it("cannot wait where the call that resumes it cannot", function()
    local client = left_waiting()
    local _, code, message = client:call("DeleteVolume")
    assert.equal("INTERNAL", code)
    assert.matches("csi.sleep cannot wait here", message)
    assert.equal("left.csi.example.com", client:call("GetPluginInfo").name)
  end)

  it("can wait where the call that resumes it can", function()
    local client = left_waiting()
    assert.same({}, client:call("DeleteSnapshot"))
    assert.equal("left.csi.example.com", client:call("GetPluginInfo").name)
  end)
end)
