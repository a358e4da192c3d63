-- A pool that fills up
--
-- For schedulers and quotas: GetCapacity tells what is left, and CreateVolume is RESOURCE_EXHAUSTED when
-- that is too little. A volume's size is part of its id, so that DeleteVolume knows what it gives back.
--
--     luacsi serve full.lua --set bytes=1073741824
local csi = require "csi"

local total = math.tointeger(tonumber(csi.config.bytes or "1073741824"))

local function free()
  return total - (csi.store.get "used" or 0)
end

---@type csi.handlers
local driver = {
  GetPluginInfo = { name = "full.csi.example.com", vendor_version = "1.0.0" },

  ControllerGetCapabilities = { capabilities = {
    { rpc = { type = "CREATE_DELETE_VOLUME" } },
    { rpc = { type = "GET_CAPACITY" } },
  } },

  GetCapacity = function()
    return { available_capacity = free() }
  end,

  CreateVolume = function(request)
    local size = request.capacity_range and request.capacity_range.required_bytes or 1
    if size > free() then
      csi.fail("RESOURCE_EXHAUSTED", ("%d bytes are left, %d were asked for"):format(free(), size))
    end
    csi.store.incr("used", size)
    return { volume = { volume_id = ("%s_%d"):format(request.name, size), capacity_bytes = size } }
  end,

  DeleteVolume = function(request)
    local size = request.volume_id:match "_(%d+)$"
    csi.store.incr("used", -math.tointeger(tonumber(size or 0)))
    return {}
  end,
}

return driver
