-- Background work that takes all memory each time.
-- expects: Probe OK
-- or: RESOURCE_EXHAUSTED
local csi = require "csi"

csi.every(0.01, function()
  local t = {}
  for i = 1, math.huge do t[i] = {} end
end)

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    return { ready = true }
  end,
}
