-- A real driver, but for two things
--
-- In front of a driver as it is: its nodes take two volumes and no more, and no volume of it can grow. All
-- else is the driver's own answer. To see what a scheduler makes of full nodes, with two Pods.
--
--     luacsi serve in-front.lua --upstream unix:///run/nfs/csi.sock
local csi = require "csi"

local most = tonumber(csi.config.most or "2")

---@type csi.handlers
local driver = {
  NodeGetInfo = function(_, context)
    local info, code, message = context.upstream()
    if not info then
      return nil, code, message
    end
    info.max_volumes_per_node = most
    return info
  end,

  ControllerExpandVolume = function()
    csi.fail("RESOURCE_EXHAUSTED", "the pool is full")
  end,
}

return driver
