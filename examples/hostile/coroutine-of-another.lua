-- A coroutine in which another call waits is resumed, closed and asked for its status.
-- expects: Probe OK
local csi = require "csi"

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local waiting = coroutine.create(function() csi.sleep(60) end)
    csi.run(function() coroutine.resume(waiting) end)
    csi.sleep(0.05)
    assert(not pcall(coroutine.close, waiting) and not coroutine.resume(waiting))
    return { ready = not pcall(coroutine.wrap(coroutine.close), waiting) }
  end,
}
