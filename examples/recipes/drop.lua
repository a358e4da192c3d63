-- A connection that is cut in the middle of a call
--
-- Each second CreateVolume is cut off after the volume was made: did the client ask again, and with the same
-- name? The volume is there once, since its name is what it is known by.
--
--     luacsi serve drop.lua
local csi = require "csi"
local fault = require "csi.fault"

local calls = 0

---@type csi.handlers
local driver = {
  GetPluginInfo = { name = "drop.csi.example.com", vendor_version = "1.0.0" },
  ControllerGetCapabilities = { capabilities = { { rpc = { type = "CREATE_DELETE_VOLUME" } } } },

  CreateVolume = function(request)
    csi.store.set("volume/" .. request.name, true)
    calls = calls + 1
    if calls % 2 == 0 then
      return fault.drop()
    end
    return { volume = { volume_id = request.name } }
  end,

  ListVolumes = function()
    local entries = {}
    for i, key in ipairs(csi.store.keys "volume/") do
      entries[i] = { volume = { volume_id = key:sub(#"volume/" + 1) } }
    end
    return { entries = entries }
  end,
}

return driver
