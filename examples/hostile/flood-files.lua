-- Files read and looked at without end.
-- expects: Probe DEADLINE_EXCEEDED
-- flags: --allow-read=/proc --handler-timeout=500ms
local csi = require "csi"

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    while true do
      csi.read("/proc/self/stat")
      csi.stat("/proc")
    end
  end,
}
