-- The smallest driver: a name, a version, and "yes, ready".
return {
  GetPluginInfo = {
    name = "hello.csi.example.com",
    vendor_version = "1.0.0",
    manifest = { greeting = "edit me and save" },
  },

  Probe = { ready = true },

  GetPluginCapabilities = {
    capabilities = {
      { service = { type = "CONTROLLER_SERVICE" } },
    },
  },
}
