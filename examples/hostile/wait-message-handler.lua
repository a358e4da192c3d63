-- A wait in the handler of xpcall.
-- expects: Probe OK
local csi = require "csi"

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local ok = xpcall(error, function() csi.sleep(0.01) end)
    return { ready = not ok }
  end,
}
