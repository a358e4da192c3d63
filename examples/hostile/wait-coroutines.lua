-- A wait 20 coroutines deep, deeper than the host follows.
-- expects: Probe INTERNAL
local csi = require "csi"

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local function nest(level)
      if level == 0 then
        return csi.sleep(0.001)
      end
      return coroutine.wrap(nest)(level - 1)
    end
    nest(20)
  end,
}
