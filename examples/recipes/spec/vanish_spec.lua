local testing = require "luacsi.testing"

describe("a driver that goes away", function()
  after_each(testing.teardown)

  it("is gone, and back after its time", function()
    local driver = testing.load "vanish.lua"
    assert.reply(driver:call("Probe")).has.status "OK"
    assert.reply(driver:call("Probe")).has.status "OK"
    assert.reply(driver:call("Probe")).has.status "UNAVAILABLE"
    driver:advance(2)
    assert.reply(driver:call("GetPluginInfo")).has.status "UNAVAILABLE"
    driver:advance(1)
    assert.reply(driver:call("Probe")).has.fields { ready = true }
  end)

  it("takes its socket along", function()
    local driver = testing.start { file = "vanish.lua", config = { seconds = "0.05" } }
    for _ = 1, 2 do
      assert.reply(driver:call("Probe")).has.status "OK"
    end
    assert.reply(driver:call("Probe")).has.status "UNAVAILABLE"
    assert(testing.eventually(function() return driver:call("Probe") end))
  end)
end)
