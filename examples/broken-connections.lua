-- A double whose socket misbehaves: CreateVolume cuts the connection, DeleteVolume takes the socket away for
-- a while (--set away=SECONDS), NodeGetInfo never answers.
local csi = require "csi"
local fault = require "csi.fault"

return {
  GetPluginInfo = { name = "connections.csi.example.com", vendor_version = "1.0.0" },

  CreateVolume = fault.sequence { fault.drop(), { volume = { volume_id = "vol-1" } } },
  DeleteVolume = fault.sequence { fault.vanish(tonumber(csi.config.away or 2)), {} },
  NodeGetInfo = fault.hang(),
}
