local testing = require "luacsi.testing"

describe("a license", function()
  it("expires after a day", function()
    local driver = testing.load "expiry.lua"
    driver:advance(86399)
    assert.reply(driver:call("Probe")).has.fields { ready = true }
    driver:advance(1)
    assert.reply(driver:call("Probe")).has.status("FAILED_PRECONDITION", "has expired")
    assert.reply(driver:call("NodeGetInfo")).has.status "FAILED_PRECONDITION"
    assert.reply(driver:call("GetPluginInfo")).has.status "OK"
  end)
end)
