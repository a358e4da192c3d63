local testing = require "luacsi.testing"

local REAL = {
  GetPluginInfo = { name = "real.csi.example.com", vendor_version = "7.0.0" },
  NodeGetInfo = { node_id = "n1", max_volumes_per_node = 256 },
  ControllerExpandVolume = { capacity_bytes = 5 },
}

describe("in front of a real driver", function()
  after_each(testing.teardown)

  local function check(driver)
    assert.reply(driver:call("NodeGetInfo")).has.fields { node_id = "n1", max_volumes_per_node = 2 }
    assert.reply(driver:call("ControllerExpandVolume")).has.status("RESOURCE_EXHAUSTED", "full")
    assert.reply(driver:call("GetPluginInfo")).has.fields { name = "real.csi.example.com" }
  end

  it("two things are others", function()
    check(testing.load { file = "in-front.lua", upstream = REAL })
  end)

  it("a failure of the driver is the driver's", function()
    local driver = testing.load { file = "in-front.lua", upstream = function(method)
      return nil, "UNAVAILABLE", method .. " has no backend"
    end }
    assert.reply(driver:call("NodeGetInfo")).has.status("UNAVAILABLE", "NodeGetInfo has no backend")
    assert.reply(driver:call("Probe")).has.status("UNAVAILABLE", "Probe has no backend")
    assert.reply(driver:call("ControllerExpandVolume")).has.status "RESOURCE_EXHAUSTED"
  end)

  it("does so over sockets", function()
    local real = testing.start { handlers = REAL }
    check(testing.start { file = "in-front.lua", flags = { "--upstream", real.endpoint } })
    assert.called("NodeGetInfo", real).times(1)
    assert.not_called("ControllerExpandVolume", real)
  end)
end)
