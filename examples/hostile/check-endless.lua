-- A check that never ends: it is down, and Probe says so at once.
-- expects: Probe OK
local csi = require "csi"

local check = csi.check("spin", { every = 0.01 }, function() while true do end end)

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    return { ready = check.state ~= "up" }
  end,
}
