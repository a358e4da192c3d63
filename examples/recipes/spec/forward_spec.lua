local testing = require "luacsi.testing"

describe("a driver in front of another one", function()
  after_each(testing.teardown)

  local function front(backend)
    return testing.load { file = "forward.lua", call = { ["unix:///run/nfs/csi.sock"] = backend } }
  end

  it("is as ready as that", function()
    for _, ready in ipairs { true, false } do
      local backend = testing.load { handlers = { Probe = { ready = ready } } }
      assert.reply(front(backend):call("Probe")).has.fields { ready = ready }
    end
    local silent = testing.load { handlers = { Probe = {} } }
    assert.reply(front(silent):call("Probe")).has.fields { ready = true }
  end)

  it("says what is wrong with that", function()
    local backend = testing.load { handlers = { Probe = function() return nil, "ABORTED", "no disk" end } }
    assert.reply(front(backend):call("Probe")).has.status("FAILED_PRECONDITION", "answers ABORTED: no disk")
    assert.reply(front(nil):call("Probe")).has.status("FAILED_PRECONDITION", "answers UNAVAILABLE")
  end)

  it("does so over sockets", function()
    local backend = testing.start { handlers = { Probe = { ready = false } } }
    local driver = testing.start {
      file = "forward.lua", config = { backend = backend.endpoint },
      flags = { "--allow-net", "unix:" .. backend.socket },
    }
    assert.reply(driver:call("Probe")).has.fields { ready = false }
  end)
end)
