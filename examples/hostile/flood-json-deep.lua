-- JSON that is nested a million deep.
-- expects: Probe OK
local csi = require "csi"

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local value, message = csi.json.decode(("["):rep(1000000))
    local deep = {}
    for _ = 1, 100000 do deep = { deep } end
    return { ready = value == nil and message ~= nil and not pcall(csi.json.encode, deep) }
  end,
}
