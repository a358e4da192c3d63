local testing = require "luacsi.testing"

describe("a call that never ends", function()
  after_each(testing.teardown)

  it("holds up nobody but its caller", function()
    local driver = testing.start "hang.lua"
    assert.reply(driver:call("NodeGetInfo", {}, { timeout = 0.05 })).has.status "DEADLINE_EXCEEDED"
    assert.reply(driver:call("Probe")).has.fields { ready = true }
  end)
end)
