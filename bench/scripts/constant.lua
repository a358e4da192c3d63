-- Constant replies: encoded once, when the script loads.
return {
  GetPluginInfo = {
    name = "bench.csi.example.com",
    vendor_version = "1.0.0",
    manifest = { build = "2026", commit = "d670460" },
  },
  Probe = { ready = true },
  GetPluginCapabilities = { capabilities = {
    { service = { type = "CONTROLLER_SERVICE" } },
    { service = { type = "VOLUME_ACCESSIBILITY_CONSTRAINTS" } },
    { volume_expansion = { type = "ONLINE" } },
  } },
}
