-- Nodes in zones
--
-- Each node says where it is, by the end of its name; a volume is made in the first zone that the request
-- prefers.
--
--     KUBE_NODE_NAME=worker-2.zone-b luacsi serve topology.lua
local csi = require "csi"

local KEY = "topology.zoned.csi.example.com/zone"
local zone = csi.config.nodeid:match "%.(zone%-%w+)$" or "zone-a"

local function zone_of(requirement)
  local topologies = requirement and (requirement.preferred[1] or requirement.requisite[1])
  return topologies and topologies.segments[KEY] or zone
end

---@type csi.handlers
local driver = {
  GetPluginInfo = { name = "zoned.csi.example.com", vendor_version = "1.0.0" },

  GetPluginCapabilities = { capabilities = {
    { service = { type = "CONTROLLER_SERVICE" } },
    { service = { type = "VOLUME_ACCESSIBILITY_CONSTRAINTS" } },
  } },

  ControllerGetCapabilities = { capabilities = { { rpc = { type = "CREATE_DELETE_VOLUME" } } } },

  NodeGetInfo = { node_id = csi.config.nodeid, accessible_topology = { segments = { [KEY] = zone } } },

  CreateVolume = function(request)
    return { volume = {
      volume_id = request.name,
      accessible_topology = { { segments = { [KEY] = zone_of(request.accessibility_requirements) } } },
    } }
  end,
}

return driver
