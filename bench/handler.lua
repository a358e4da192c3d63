-- The same reply from a handler, which makes a fresh table for each call.
return {
  GetPluginInfo = function()
    return { name = "bench.csi.example.com", vendor_version = "1.0.0", manifest = { build = "1" } }
  end,
}
