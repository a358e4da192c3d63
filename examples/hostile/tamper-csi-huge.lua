-- A csi module of 100,000 names, all of which a traceback would look at.
-- expects: Probe INTERNAL traced
-- flags: --memory=64MB --handler-cpu=1s
local csi = require "csi"

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    for i = 1, 100000 do csi["name" .. i] = i end
    local function f(n) if n == 0 then error("traced", 0) end f(n - 1) return n end
    f(100)
  end,
}
