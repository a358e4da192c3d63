-- A prepared reply, treated as a table.
-- expects: Probe OK
local csi = require "csi"

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local reply = csi.reply("Probe", { ready = true })
    pcall(rawset, reply, "prepared", nil)
    pcall(setmetatable, reply, {})
    pcall(function() reply.x = 1 end)
    pcall(function() for _ in pairs(reply) do end end)
    return reply
  end,
}
