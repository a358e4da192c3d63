local csi = require "csi"
return {
  GetPluginInfo = { name = "a.example.com", vendor_version = "1", manifest = { k = "v" } },
  Probe = csi.reply("Probe", { ready = true }),
  GetPluginCapabilities = { capabilities = { { service = { type = "CONTROLLER_SERVICE" } } } },
}
