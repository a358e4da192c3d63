-- An error object that waits when it is shown.
-- expects: Probe INTERNAL an error object that cannot be shown
local csi = require "csi"

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    error(setmetatable({}, { __tostring = function() csi.sleep(0.1) end }))
  end,
}
