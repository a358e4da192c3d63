-- Prepared replies, all of them kept: their bytes lie outside of Lua.
-- expects: Probe RESOURCE_EXHAUSTED
-- flags: --validate=off
local csi = require "csi"

local kept = {}

return {
  GetPluginInfo = { name = "hostile.example.com", vendor_version = "1.0.0" },

  Probe = function()
    while true do
      kept[#kept + 1] = csi.reply("NodeGetInfo", { node_id = ("x"):rep(1 << 20) })
    end
  end,
}
