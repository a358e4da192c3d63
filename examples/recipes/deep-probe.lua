-- A deep Probe that does not flap
--
-- The array is asked in the background; Probe answers from what was found last, at once. One answer that is
-- late changes nothing: only three in a row take the driver down, and two in a row bring it back.
--
--     luacsi serve deep-probe.lua --set array=10.0.0.5:443 --allow-net=10.0.0.5:443
local csi = require "csi"

local address = "tcp://" .. (csi.config.array or "127.0.0.1:443")
local array = csi.check("array", { every = 10, timeout = 2, fall = 3, rise = 2 }, function()
  return csi.connect(address, { timeout = 1 })
end)

---@type csi.handlers
local driver = {
  GetPluginInfo = { name = "deep.csi.example.com", vendor_version = "1.0.0" },
  Probe = csi.readiness { array },
}

return driver
