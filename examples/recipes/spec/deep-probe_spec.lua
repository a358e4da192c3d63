local testing = require "luacsi.testing"

describe("a deep Probe", function()
  local listeners, driver

  before_each(function()
    listeners = { ["tcp://array:443"] = true }
    driver = testing.load { file = "deep-probe.lua", config = { array = "array:443" }, connect = listeners }
    driver:advance(10)
  end)

  it("stays ready through two failures", function()
    listeners["tcp://array:443"] = nil
    driver:advance(20)
    assert.reply(driver:call("Probe")).has.fields { ready = true }
  end)

  it("is FAILED_PRECONDITION after three, and back after two that pass", function()
    listeners["tcp://array:443"] = nil
    driver:advance(30)
    assert.reply(driver:call("Probe")).has.status("FAILED_PRECONDITION", "^array: .*Connection refused")
    listeners["tcp://array:443"] = true
    driver:advance(10)
    assert.reply(driver:call("Probe")).has.status "FAILED_PRECONDITION"
    driver:advance(10)
    assert.reply(driver:call("Probe")).has.fields { ready = true }
  end)
end)
