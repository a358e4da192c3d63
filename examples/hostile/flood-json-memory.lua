-- JSON of which each byte takes a lot of memory: a text of more than 1 MiB is not read.
-- expects: Probe OK
local csi = require "csi"

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local value, message = csi.json.decode("[" .. ("[],"):rep(1000000) .. "1]")
    return { ready = value == nil and message:find("at most 1048576 bytes", 1, true) ~= nil }
  end,
}
