-- A handler of which one run at a time is allowed, and that never ends.
-- expects: Probe DEADLINE_EXCEEDED
local csi = require "csi"

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = csi.coalesce(function() while true do end end),
}
