-- An attachment that takes its time
--
-- Attaching takes minutes on some clouds. The first ControllerPublishVolume begins it and ends in ABORTED,
-- as does each that comes meanwhile; once the time is over, the next one is answered. It costs no waiting
-- call.
--
--     luacsi serve slow-attach.lua --set seconds=90
local csi = require "csi"

local seconds = tonumber(csi.config.seconds or "90")

---@type csi.handlers
local driver = {
  GetPluginInfo = { name = "attach.csi.example.com", vendor_version = "1.0.0" },
  ControllerGetCapabilities = { capabilities = { { rpc = { type = "PUBLISH_UNPUBLISH_VOLUME" } } } },

  ControllerPublishVolume = function(request)
    local key = ("attached/%s/%s"):format(request.volume_id, request.node_id)
    csi.store.cas(key, nil, csi.now())
    local left = csi.store.get(key) + seconds - csi.now()
    if left > 0 then
      csi.fail("ABORTED", ("%s is being attached, for another %.0f s"):format(request.volume_id, left))
    end
    return { publish_context = { device = "/dev/disk/by-id/" .. request.volume_id } }
  end,

  ControllerUnpublishVolume = function(request)
    csi.store.set(("attached/%s/%s"):format(request.volume_id, request.node_id), nil)
    return {}
  end,
}

return driver
