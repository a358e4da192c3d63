-- A large table, encoded for ever.
-- expects: Probe DEADLINE_EXCEEDED
local csi = require "csi"

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local list = {}
    for i = 1, 100000 do list[i] = i end
    while true do csi.json.encode(list) end
  end,
}
