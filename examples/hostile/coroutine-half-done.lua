-- A coroutine that waits when its call ends; the next call goes on with it. It is told that its call is over.
-- expects: NodeGetInfo DEADLINE_EXCEEDED; Probe INTERNAL the call that this coroutine waited in is over
local csi = require "csi"

local wait = coroutine.wrap(function() csi.sleep(60) end)

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    wait()
    return { ready = true }
  end,

  NodeGetInfo = function() wait() end,
}
