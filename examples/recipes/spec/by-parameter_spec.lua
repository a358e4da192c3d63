local testing = require "luacsi.testing"

describe("failures by parameter", function()
  local driver
  before_each(function() driver = testing.load "by-parameter.lua" end)

  local function create(name, parameters)
    return driver:call("CreateVolume", { name = name, parameters = parameters })
  end

  it("come as often as they are asked for, for each volume", function()
    local parameters = { fail = "ABORTED", ["fail-times"] = "2" }
    for _, name in ipairs { "a", "b" } do
      assert.reply(create(name, parameters)).has.status("ABORTED", "asks for it")
      assert.reply(create(name, parameters)).has.status "ABORTED"
      assert.reply(create(name, parameters)).has.fields { volume = { volume_id = name } }
    end
  end)

  it("may have no end, or be none", function()
    for _ = 1, 5 do
      assert.reply(create("a", { fail = "RESOURCE_EXHAUSTED" })).has.status "RESOURCE_EXHAUSTED"
    end
    assert.reply(create("a", {})).has.status "OK"
  end)

  it("take time", function()
    local before = driver:now()
    assert.reply(create("a", { delay = "1.5" })).has.status "OK"
    assert.equal(before + 1.5, driver:now())
  end)
end)
