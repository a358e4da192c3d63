-- Background work without end.
-- expects: Probe RESOURCE_EXHAUSTED more than 1000
local csi = require "csi"

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    while true do
      csi.every(60, function() for _ = 1, 1000 do end end)
    end
  end,
}
