local testing = require "luacsi.testing"

describe("an attachment that takes its time", function()
  it("is ABORTED until the time is over", function()
    local driver = testing.load "slow-attach.lua"
    local request = { volume_id = "v", node_id = "n" }
    assert.reply(driver:call("ControllerPublishVolume", request)).has.status("ABORTED", "another 90 s")
    driver:advance(60)
    assert.reply(driver:call("ControllerPublishVolume", request)).has.status("ABORTED", "another 30 s")
    driver:advance(30)
    assert.reply(driver:call("ControllerPublishVolume", request)).has.fields {
      publish_context = { device = "/dev/disk/by-id/v" },
    }
    assert.reply(driver:call("ControllerUnpublishVolume", request)).has.status "OK"
    assert.reply(driver:call("ControllerPublishVolume", request)).has.status "ABORTED"
  end)
end)
