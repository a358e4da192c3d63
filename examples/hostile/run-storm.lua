-- Runs without end.
-- expects: Probe RESOURCE_EXHAUSTED more than 1000
local csi = require "csi"

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    while true do
      csi.run(function() csi.sleep(3600) end)
    end
  end,
}
