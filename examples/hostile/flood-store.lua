-- A store filled to the brim.
-- expects: Probe RESOURCE_EXHAUSTED
-- flags: --handler-cpu=1s
-- keeps: 32MB
local csi = require "csi"

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    for i = 1, math.huge do csi.store.set("key" .. i, ("x"):rep(60000)) end
  end,
}
