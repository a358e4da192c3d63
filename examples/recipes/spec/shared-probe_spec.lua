local testing = require "luacsi.testing"

describe("a Probe that asks a program", function()
  local function probe(result)
    local driver = testing.load { file = "shared-probe.lua", exec = { ["/usr/bin/ceph health"] = result } }
    return driver:call("Probe")
  end

  it("says what the program says", function()
    assert.reply(probe { stdout = "HEALTH_OK\n" }).has.fields { ready = true }
    assert.reply(probe { stdout = "HEALTH_WARN\n" }).has.fields { ready = false }
    assert.reply(probe { status = 1, stderr = "no quorum" }).has.status("FAILED_PRECONDITION", "no quorum")
    assert.reply(probe { code = "DEADLINE_EXCEEDED", message = "ceph: it took more than 3 s" })
      .has.status("FAILED_PRECONDITION", "more than 3 s")
  end)
end)
