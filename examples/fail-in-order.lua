-- A double that fails as told: CreateVolume ends in DEADLINE_EXCEEDED twice, then in ABORTED, then succeeds.
local fault = require "csi.fault"

return {
  GetPluginInfo = { name = "in-order.csi.example.com", vendor_version = "1.0.0" },
  GetPluginCapabilities = { capabilities = { { service = { type = "CONTROLLER_SERVICE" } } } },
  ControllerGetCapabilities = { capabilities = { { rpc = { type = "CREATE_DELETE_VOLUME" } } } },

  CreateVolume = fault.sequence {
    fault.times(2, fault.fail("DEADLINE_EXCEEDED", "the backend is slow")),
    fault.fail("ABORTED", "an operation for this volume is under way"),
    { volume = { volume_id = "vol-1", capacity_bytes = 1 << 30 } },
  },
}
