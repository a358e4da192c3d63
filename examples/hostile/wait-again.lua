-- Many waits, each of them short.
-- expects: Probe DEADLINE_EXCEEDED
local csi = require "csi"

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    while true do csi.sleep(0) end
  end,
}
