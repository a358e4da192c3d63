local testing = require "luacsi.testing"

describe("a pool of 100 bytes", function()
  it("has room for what fits", function()
    local driver = testing.load { file = "full.lua", config = { bytes = "100" } }
    local function create(name, size)
      return driver:call("CreateVolume", { name = name, capacity_range = { required_bytes = size } })
    end
    assert.reply(driver:call("GetCapacity")).has.fields { available_capacity = 100 }
    local id = create("a", 60).volume.volume_id
    assert.reply(create("b", 41)).has.status("RESOURCE_EXHAUSTED", "40 bytes are left, 41 were asked for")
    assert.reply(create("c", 40)).has.status "OK"
    assert.reply(driver:call("GetCapacity")).has.fields { available_capacity = 0 }
    assert.reply(driver:call("DeleteVolume", { volume_id = id })).has.status "OK"
    assert.reply(driver:call("GetCapacity")).has.fields { available_capacity = 60 }
  end)
end)
