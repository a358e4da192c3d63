-- A handler that waits for longer than it may.
-- expects: Probe DEADLINE_EXCEEDED
local csi = require "csi"

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    csi.sleep(3600)
  end,
}
