-- A store filled with small entries, all of whose names are asked for.
-- expects: Probe OK
-- flags: --handler-cpu=2s --handler-timeout=5s
-- keeps: 32MB
local csi = require "csi"

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    for i = 1, math.huge do
      if not pcall(csi.store.set, "key" .. i, i) then break end
    end
    return { ready = pcall(csi.store.keys) ~= nil }
  end,
}
