local testing = require "luacsi.testing"

describe("what is asked", function()
  after_each(testing.teardown)

  for _, way in ipairs { "load", "start" } do
    it("is kept, " .. way .. "ed", function()
      local driver = testing[way] "who-asks.lua"
      driver:call("CreateVolume", { name = "pvc-1", parameters = { tier = "fast" } })
      driver:call("ControllerPublishVolume", { volume_id = "pvc-1", node_id = "n" })
      driver:call("DeleteVolume", { volume_id = "pvc-1" })
      assert.called("CreateVolume").times(1).with { parameters = { tier = "fast" } }
      assert.not_called "ControllerUnpublishVolume"
      assert.equal("DeleteVolume", driver:calls()[3].method)
    end)
  end
end)
