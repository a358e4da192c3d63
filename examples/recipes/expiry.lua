-- What happens after a day
--
-- A license, a certificate, a token: the driver is well until its time is over. With `--clock virtual` a
-- test need not wait for it.
--
--     luacsi serve expiry.lua --set seconds=86400 --clock virtual
local csi = require "csi"
local fault = require "csi.fault"

local seconds = tonumber(csi.config.seconds or "86400")
local expired = fault.fail("FAILED_PRECONDITION", "the license has expired")

---@type csi.handlers
local driver = {
  GetPluginInfo = { name = "expiry.csi.example.com", vendor_version = "1.0.0" },
  Probe = fault.after(seconds, expired),
  NodeGetInfo = fault.after(seconds, expired),
}

return driver
