-- Prepared replies, none of which is kept: they take room in the memory of the call.
-- expects: Probe RESOURCE_EXHAUSTED
-- flags: --validate=off
local csi = require "csi"

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    while true do
      csi.reply("NodeGetInfo", { node_id = ("x"):rep(1 << 16) })
    end
  end,
}
