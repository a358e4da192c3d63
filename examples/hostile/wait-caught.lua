-- Waits below pcall: the end is not an error that it could catch.
-- expects: Probe DEADLINE_EXCEEDED
local csi = require "csi"

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    while true do pcall(csi.sleep, 3600) end
  end,
}
