local testing = require "luacsi.testing"

describe("a Probe that fails in a given order", function()
  it("is DEADLINE_EXCEEDED twice, ABORTED once, then ready", function()
    local driver = testing.load "fail-twice.lua"
    for _, code in ipairs { "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED", "ABORTED", "OK", "OK" } do
      assert.reply(driver:call("Probe")).has.status(code)
    end
  end)
end)
