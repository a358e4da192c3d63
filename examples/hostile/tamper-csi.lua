-- The csi module, emptied, and filled with nonsense.
-- expects: Probe OK
local csi = require "csi"

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    for name in pairs(csi) do csi[name] = false end
    for i = 1, 1000 do csi[i] = error end
    return { ready = true }
  end,
}
