-- A driver that takes a while to come up: not ready for the first seconds (--set after=3), then ready.
-- "Not yet" is ready = false, never an error: most sidecars exit on an error.
local csi = require "csi"

local started = csi.now()
local after = tonumber(csi.config.after or "3")

return {
  GetPluginInfo = { name = "slow.csi.example.com", vendor_version = "1.0.0" },

  Probe = function()
    return { ready = csi.now() - started >= after }
  end,
}
