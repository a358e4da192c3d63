-- Runs that start two runs each.
-- expects: Probe OK
local csi = require "csi"

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local function fork()
      csi.run(fork)
      csi.run(fork)
    end
    csi.run(fork)
    return { ready = true }
  end,
}
