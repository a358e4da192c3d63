local testing = require "luacsi.testing"

describe("a connection that is cut", function()
  after_each(testing.teardown)

  it("leaves the volume behind, once", function()
    local driver = testing.start "drop.lua"
    assert.reply(driver:call("CreateVolume", { name = "a" })).has.status "OK"
    assert.reply(driver:call("CreateVolume", { name = "b" })).has.status "UNAVAILABLE"
    assert(testing.eventually(function() return driver:call("CreateVolume", { name = "b" }) end))
    assert.reply(driver:call("ListVolumes")).has.fields {
      entries = { { volume = { volume_id = "a" } }, { volume = { volume_id = "b" } } },
    }
    assert.equal(2, #driver:call("ListVolumes").entries)
  end)
end)
