-- What a sidecar asks
--
-- A double that can do everything and does nothing, to see what comes: which calls, with which parameters,
-- in which order. `luacsi ctl` shows them while it runs and says in a test whether they were as expected.
--
--     luacsi serve who-asks.lua --control unix:///tmp/control.sock
--     luacsi ctl calls --control unix:///tmp/control.sock --method CreateVolume
--     luacsi ctl verify --control unix:///tmp/control.sock --order CreateVolume --order DeleteVolume

---@type csi.handlers
local driver = {
  GetPluginInfo = { name = "asked.csi.example.com", vendor_version = "1.0.0" },
  GetPluginCapabilities = { capabilities = { { service = { type = "CONTROLLER_SERVICE" } } } },

  ControllerGetCapabilities = { capabilities = {
    { rpc = { type = "CREATE_DELETE_VOLUME" } },
    { rpc = { type = "PUBLISH_UNPUBLISH_VOLUME" } },
  } },

  CreateVolume = function(request)
    return { volume = { volume_id = request.name, volume_context = request.parameters } }
  end,

  DeleteVolume = {},
  ControllerPublishVolume = {},
  ControllerUnpublishVolume = {},
}

return driver
