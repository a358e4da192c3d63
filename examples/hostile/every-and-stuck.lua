-- A handler is stuck while background work goes on, in the state that is given up, too.
-- expects: Probe DEADLINE_EXCEEDED
-- stuck: 1
local csi = require "csi"

csi.every(0.001, function() csi.store.incr("runs") end)

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    return { ready = ("a"):rep(3000):find(("a-"):rep(6) .. "b") ~= nil }
  end,
}
