local testing = require "luacsi.testing"

describe("a driver that breaks the rules on purpose", function()
  after_each(testing.teardown)

  for _, way in ipairs { "load", "start" } do
    it("sends what it is told to, " .. way .. "ed", function()
      local driver = testing[way] "against-the-rules.lua"
      assert.reply(driver:call("GetPluginInfo")).has.fields { name = "" }
      assert.equal(2, #driver:call("GetPluginCapabilities").capabilities)
      assert.reply(driver:call("NodeGetInfo")).has.status "INTERNAL"
      assert.reply(driver:call("Probe")).has.status("FAILED_PRECONDITION", "with details")
    end)
  end
end)
