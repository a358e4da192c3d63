local testing = require "luacsi.testing"

local KEY = "topology.zoned.csi.example.com/zone"

describe("a driver with zones", function()
  local driver
  before_each(function() driver = testing.load { file = "topology.lua", nodeid = "worker-2.zone-b" } end)

  it("knows the zone of its node", function()
    assert.reply(driver:call("NodeGetInfo")).has.fields {
      node_id = "worker-2.zone-b", accessible_topology = { segments = { [KEY] = "zone-b" } },
    }
  end)

  it("makes volumes where they are wanted", function()
    local function zone(requirements)
      local reply = driver:call("CreateVolume", { name = "v", accessibility_requirements = requirements })
      return reply.volume.accessible_topology[1].segments[KEY]
    end
    local a, c = { segments = { [KEY] = "zone-a" } }, { segments = { [KEY] = "zone-c" } }
    assert.equal("zone-c", zone { requisite = { a, c }, preferred = { c, a } })
    assert.equal("zone-a", zone { requisite = { a } })
    assert.equal("zone-b", zone())
  end)
end)
