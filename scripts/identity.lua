-- The identity that is served without a script: --set name=… and --set version=… change it.
local csi = require "csi"

return {
  GetPluginInfo = {
    name = csi.config.name or "luacsi.example.com",
    vendor_version = csi.config.version or csi.version,
  },
}
