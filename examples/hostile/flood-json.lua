-- JSON of megabytes, decoded for ever.
-- expects: Probe DEADLINE_EXCEEDED
local csi = require "csi"

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local text = "[" .. ("1,"):rep(200000) .. "1]"
    while true do csi.json.decode(text) end
  end,
}
