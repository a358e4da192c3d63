local testing = require "luacsi.testing"

local GIB = 1 << 30

-- A request as it was recorded; secrets are not compared.
local function request(name, bytes)
  return {
    name = name, capacity_range = { required_bytes = bytes }, parameters = { server = "10.0.0.7" },
    secrets = { password = name },
  }
end

describe("a driver that was recorded", function()
  after_each(testing.teardown)

  for _, way in ipairs { "load", "start" } do
    it("answers as it did, " .. way .. "ed", function()
      local driver = testing[way] "fixture.lua"
      assert.reply(driver:call("GetPluginInfo")).has.fields { name = "nfs.csi.example.com" }
      assert.reply(driver:call("DeleteVolume", { volume_id = "export-17" })).has.status "OK"
      assert.reply(driver:call("CreateVolume", request("pvc-2", 1024 * GIB)))
        .has.status("RESOURCE_EXHAUSTED", "no space left")
    end)

    it("says what it was never asked, " .. way .. "ed", function()
      local driver = testing[way] "fixture.lua"
      assert.reply(driver:call("CreateVolume", request("pvc-1", 2 * GIB))).has.status("FAILED_PRECONDITION",
        "capacity_range.required_bytes: recorded 1073741824, got 2147483648")
      assert.reply(driver:call("ListVolumes")).has.status("FAILED_PRECONDITION", "no call of it was recorded")
    end)
  end

  it("gives its answers in their order and in their time", function()
    local driver = testing.load "fixture.lua"
    local before = driver:now()
    assert.reply(driver:call("CreateVolume", request("pvc-1", GIB))).has.status "ABORTED"
    assert.equal(before, driver:now())
    for i = 1, 2 do
      local reply = driver:call("CreateVolume", request("pvc-1", GIB))
      assert.equal("export-17", reply.volume.volume_id)
      assert.equal(before + i, driver:now())
    end
  end)
end)
