local testing = require "luacsi.testing"

describe("a driver that needs a kernel module", function()
  it("is ready with it, and says what to do without", function()
    local files = {}
    local driver = testing.load { file = "kernel-module.lua", files = files }
    assert.reply(driver:call("Probe")).has.status("FAILED_PRECONDITION", "modprobe rbd")
    files["/sys/module/rbd"] = { type = "directory" }
    assert.reply(driver:call("Probe")).has.fields { ready = true }
  end)
end)
