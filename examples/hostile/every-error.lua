-- Background work that raises an object that raises.
-- expects: Probe OK
local csi = require "csi"

csi.every(0.01, function() error(setmetatable({}, { __tostring = error })) end)

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    return { ready = true }
  end,
}
