-- Loading waits.
-- expects: load cannot wait here
local csi = require "csi"

csi.sleep(1)

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,
}
