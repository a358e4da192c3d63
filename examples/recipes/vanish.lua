-- A driver that goes away and comes back
--
-- The third Probe takes the socket away, and all connections with it; three seconds later both are back. A
-- client that says "healthy" meanwhile does not ask.
--
--     luacsi serve vanish.lua
local csi = require "csi"
local fault = require "csi.fault"

local seconds = tonumber(csi.config.seconds or "3")

---@type csi.handlers
local driver = {
  GetPluginInfo = { name = "vanish.csi.example.com", vendor_version = "1.0.0" },

  Probe = fault.sequence {
    fault.times(2, { ready = true }),
    fault.vanish(seconds),
    fault.pass,
  },
}

return driver
