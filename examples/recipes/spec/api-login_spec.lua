local testing = require "luacsi.testing"

describe("a driver of a storage API", function()
  local function probe(answer)
    local seen
    local driver = testing.load {
      file = "api-login.lua", config = { api = "http://array/api" }, env = { ARRAY_PASSWORD = "s3cret" },
      http = { ["http://array/api/version"] = function(_, options)
        seen = options.headers.authorization
        return answer.status, answer.body or "", {}
      end },
    }
    assert.equal("Bearer s3cret", seen)
    return driver:call("Probe")
  end

  it("is ready when the API is what it should be", function()
    assert.reply(probe { status = 200, body = '{"product": "examplestore"}' }).has.fields { ready = true }
  end)

  it("waits for an API that starts", function()
    assert.reply(probe { status = 503 }).has.fields { ready = false }
  end)

  it("says what is wrong", function()
    assert.reply(probe { status = 401 }).has.status("FAILED_PRECONDITION", "api: the API answers 401")
    assert.reply(probe { status = 200, body = '{"product": "other"}' })
      .has.status("FAILED_PRECONDITION", "no examplestore")
    assert.reply(probe { status = 200, body = "<html>" }).has.status("FAILED_PRECONDITION", "no examplestore")
  end)
end)
