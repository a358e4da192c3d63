local testing = require "luacsi.testing"

describe("a volume", function()
  local driver
  before_each(function() driver = testing.load "idempotent.lua" end)

  local function create(name, required, limit)
    return driver:call("CreateVolume",
      { name = name, capacity_range = { required_bytes = required, limit_bytes = limit } })
  end

  it("is made once, whoever asks again", function()
    for _ = 1, 3 do
      assert.reply(create("a", 5 << 20)).has.fields { volume = { volume_id = "a", capacity_bytes = 5 << 20 } }
    end
    assert.reply(create("a", 4 << 20, 6 << 20)).has.fields { volume = { capacity_bytes = 5 << 20 } }
  end)

  it("is not another one of the same name", function()
    assert.reply(create("a", 5 << 20)).has.status "OK"
    assert.reply(create("a", 6 << 20)).has.status("ALREADY_EXISTS", "a is there with 5242880 bytes")
    assert.reply(create("a", 0, 4 << 20)).has.status "ALREADY_EXISTS"
  end)

  it("can be deleted twice, and made again", function()
    assert.reply(create("a", 5 << 20)).has.status "OK"
    for _ = 1, 2 do
      assert.reply(driver:call("DeleteVolume", { volume_id = "a" })).has.status "OK"
    end
    assert.reply(create("a", 6 << 20)).has.status "OK"
  end)

  it("has a name", function()
    assert.reply(create("")).has.status "INVALID_ARGUMENT"
  end)
end)
