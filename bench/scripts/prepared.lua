-- The same replies from handlers that choose one made before: encoded once, where it is made.
local csi = require "csi"

local info = csi.reply("GetPluginInfo", {
  name = "bench.csi.example.com",
  vendor_version = "1.0.0",
  manifest = { build = "2026", commit = "d670460" },
})
local ready = csi.reply("Probe", { ready = true })
local capabilities = csi.reply("GetPluginCapabilities", { capabilities = {
  { service = { type = "CONTROLLER_SERVICE" } },
  { service = { type = "VOLUME_ACCESSIBILITY_CONSTRAINTS" } },
  { volume_expansion = { type = "ONLINE" } },
} })

return {
  GetPluginInfo = function()
    return info
  end,
  Probe = function()
    return ready
  end,
  GetPluginCapabilities = function()
    return capabilities
  end,
}
