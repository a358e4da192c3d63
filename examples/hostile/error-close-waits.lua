-- The handler raises, and waits in the __close of a variable that is still open.
-- expects: Probe INTERNAL first
local csi = require "csi"

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local _ <close> = setmetatable({}, { __close = function() csi.sleep(0.1) end })
    error "first"
  end,
}
