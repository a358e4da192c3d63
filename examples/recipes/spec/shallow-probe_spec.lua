local testing = require "luacsi.testing"

describe("a shallow Probe", function()
  it("is ready, whatever the world is like", function()
    local driver = testing.load "shallow-probe.lua" -- with no world at all
    assert.reply(driver:call("Probe")).has.fields { ready = true }
  end)
end)
