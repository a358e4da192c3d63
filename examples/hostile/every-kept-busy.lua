-- Background work that never ends: each run is stopped, and the next begins.
-- expects: Probe OK
local csi = require "csi"

csi.every(0.001, function() while true do end end)

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    return { ready = true }
  end,
}
