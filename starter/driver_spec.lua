-- What the driver promises. Run it with: luacsi test

local testing = require "luacsi.testing"

describe("the driver", function()
  after_each(testing.teardown)

  it("makes a volume of the size that is asked for", function()
    local driver = testing.load "driver.lua" -- in this process: no socket, no waiting
    assert.reply(driver:call("CreateVolume", {
      name = "pvc-1",
      capacity_range = { required_bytes = 1 << 20 },
    })).has.fields { volume = { volume_id = "pvc-1", capacity_bytes = 1 << 20 } }
  end)

  it("leaves NodePublishVolume to others", function()
    local driver = testing.load "driver.lua"
    assert.reply(driver:call("NodePublishVolume", { volume_id = "pvc-1" })).has.status "UNIMPLEMENTED"
  end)

  it("answers over a socket", function()
    local driver = testing.start "driver.lua" -- luacsi serve, as in production
    assert.reply(driver:call("GetPluginInfo")).has.fields { name = "double.csi.example.com" }
    assert.reply(driver:call("Probe")).has.fields { ready = true }
  end)
end)
