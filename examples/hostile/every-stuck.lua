-- Background work that is stuck in a pattern.
-- expects: Probe OK
-- stuck: 1
local csi = require "csi"

csi.every(3600, function()
  if csi.store.incr("runs") == 1 then ("a"):rep(3000):find(("a-"):rep(6) .. "b") end
end)

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    return { ready = true }
  end,
}
