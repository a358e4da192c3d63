local testing = require "luacsi.testing"

describe("a driver whose name is set", function()
  it("is called as it is told", function()
    local config = { name = "rbd.csi.ceph.com", version = "v3.0.0", commit = "abc" }
    local driver = testing.load { file = "settable.lua", config = config }
    assert.same({ name = "rbd.csi.ceph.com", vendor_version = "v3.0.0", manifest = { commit = "abc" } },
      driver:call("GetPluginInfo"))
  end)

  it("has a name of its own otherwise, and refuses one that CSI forbids", function()
    assert.equal("settable.csi.example.com", testing.load("settable.lua"):call("GetPluginInfo").name)
    assert.error_matches(function()
      testing.load { file = "settable.lua", config = { name = "no_name" } }
    end, "GetPluginInfoResponse.name: expected letters and digits")
  end)
end)
