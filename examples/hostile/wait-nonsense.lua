-- Times that are none.
-- expects: Probe OK
local csi = require "csi"

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    for _, seconds in ipairs { -1, 0 / 0, math.huge, -math.huge, 1e300, math.mininteger, "x", {} } do
      assert(not pcall(csi.sleep, seconds))
    end
    return { ready = true }
  end,
}
