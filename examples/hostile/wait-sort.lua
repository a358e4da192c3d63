-- A wait in a comparison of table.sort, which nothing can suspend.
-- expects: Probe INTERNAL cannot wait here
local csi = require "csi"

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    table.sort({ 2, 1 }, function() csi.sleep(0.01) end)
  end,
}
