-- Answers as the rbd driver of ceph-csi v3.0.0 does:
--   luacsi serve examples/ceph-rbd.lua --set name=rbd.csi.ceph.com --set version=v3.0.0
local csi = require "csi"

return {
  -- Left unset, the host says what ceph-csi says: UNAVAILABLE, "Driver name not configured" or
  -- "Driver is missing version".
  GetPluginInfo = {
    name = csi.config.name,
    vendor_version = csi.config.version,
  },

  -- ceph-csi leaves ready out, which means ready.
  Probe = {},

  GetPluginCapabilities = {
    capabilities = {
      { service = { type = "CONTROLLER_SERVICE" } },
      { volume_expansion = { type = "ONLINE" } },
      { service = { type = "VOLUME_ACCESSIBILITY_CONSTRAINTS" } },
    },
  },
}
