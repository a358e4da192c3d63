local testing = require "luacsi.testing"

describe("a driver whose array starts", function()
  it("is not ready, then ready, and broken without the array", function()
    local files = { ["/run/array/state"] = "starting\n" }
    local driver = testing.load { file = "starting.lua", files = files }
    assert.reply(driver:call("Probe")).has.fields { ready = false }
    files["/run/array/state"] = "online\n"
    driver:advance(2)
    assert.reply(driver:call("Probe")).has.fields { ready = true }
    files["/run/array/state"] = nil
    driver:advance(2)
    assert.reply(driver:call("Probe")).has.status("FAILED_PRECONDITION", "No such file")
  end)
end)
