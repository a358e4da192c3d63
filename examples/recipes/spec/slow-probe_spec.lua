local testing = require "luacsi.testing"

describe("a slow Probe", function()
  it("takes the time that it is told", function()
    local driver = testing.load { file = "slow-probe.lua", seed = 1 }
    for _ = 1, 10 do
      local before = driver:now()
      assert.reply(driver:call("Probe")).has.fields { ready = true }
      local took = driver:now() - before
      assert.is_true(took >= 2 and took <= 4)
    end
  end)

  it("is too slow for a client that waits for one second", function()
    local driver = testing.load "slow-probe.lua"
    assert.reply(driver:call("Probe", {}, { timeout = 1 })).has.status "DEADLINE_EXCEEDED"
  end)
end)
