-- Lines of log without end.
-- expects: Probe DEADLINE_EXCEEDED
local csi = require "csi"

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    while true do csi.log.info("flood", { text = ("x"):rep(1000) }) end
  end,
}
