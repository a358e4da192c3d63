-- Volumes that are made once
--
-- CSI wants the same request to give the same volume, however often it comes, and another size under the same
-- name to be ALREADY_EXISTS. With `--state FILE` the volumes are there after a restart, too.
--
--     luacsi serve idempotent.lua --state /var/lib/double/state
local csi = require "csi"

local SMALLEST = 1 << 20

---@type csi.handlers
local driver = {
  GetPluginInfo = { name = "idempotent.csi.example.com", vendor_version = "1.0.0" },
  ControllerGetCapabilities = { capabilities = { { rpc = { type = "CREATE_DELETE_VOLUME" } } } },

  CreateVolume = function(request)
    if request.name == "" then
      csi.fail("INVALID_ARGUMENT", "name is missing")
    end
    local range = request.capacity_range
    local least = range and range.required_bytes or 0
    local most = range and range.limit_bytes > 0 and range.limit_bytes or math.maxinteger
    local key = "volume/" .. request.name
    csi.store.cas(key, nil, math.max(least, SMALLEST))
    local size = csi.store.get(key)
    if size < least or size > most then
      csi.fail("ALREADY_EXISTS", ("%s is there with %d bytes"):format(request.name, size))
    end
    return { volume = { volume_id = request.name, capacity_bytes = size } }
  end,

  DeleteVolume = function(request)
    csi.store.set("volume/" .. request.volume_id, nil)
    return {}
  end,
}

return driver
