-- A slow Probe
--
-- To see whether a client waits as long as it says, and whether its calls pile up. The time is drawn anew for
-- each call; `--seed` repeats it. It does not count as the handler's time.
--
--     luacsi serve slow-probe.lua --set least=2 --set most=4 --seed 1
local csi = require "csi"
local fault = require "csi.fault"

local least = tonumber(csi.config.least or "2")
local most = tonumber(csi.config.most or "4")

---@type csi.handlers
local driver = {
  GetPluginInfo = { name = "slow.csi.example.com", vendor_version = "1.0.0" },
  Probe = fault.delay({ least, most }, { ready = true }),
}

return driver
