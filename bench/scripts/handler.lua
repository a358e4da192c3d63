-- The same replies from handlers, which make fresh tables for each call.
return {
  GetPluginInfo = function()
    return {
      name = "bench.csi.example.com",
      vendor_version = "1.0.0",
      manifest = { build = "2026", commit = "d670460" },
    }
  end,
  Probe = function()
    return { ready = true }
  end,
  GetPluginCapabilities = function()
    return { capabilities = {
      { service = { type = "CONTROLLER_SERVICE" } },
      { service = { type = "VOLUME_ACCESSIBILITY_CONSTRAINTS" } },
      { volume_expansion = { type = "ONLINE" } },
    } }
  end,
}
