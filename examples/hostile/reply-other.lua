-- A prepared reply of another method.
-- expects: Probe INTERNAL expected a reply to Probe
local csi = require "csi"

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    return csi.reply("NodeGetInfo", { node_id = "node" })
  end,
}
