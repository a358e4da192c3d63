-- A wait in the __close of a wrapped coroutine that raises.
-- expects: Probe INTERNAL cannot wait here
local csi = require "csi"

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    coroutine.wrap(function()
      local _ <close> = setmetatable({}, { __close = function() csi.sleep(0.01) end })
      error "first"
    end)()
  end,
}
