-- A wait in a replacement of gsub.
-- expects: Probe INTERNAL cannot wait here
local csi = require "csi"

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    return (("x"):gsub("x", function() csi.sleep(0.01) end))
  end,
}
