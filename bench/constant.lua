-- A reply that is encoded once, at load.
return {
  GetPluginInfo = { name = "bench.csi.example.com", vendor_version = "1.0.0", manifest = { build = "1" } },
}
