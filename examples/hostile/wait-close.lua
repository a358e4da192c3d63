-- A wait in the __close that coroutine.close runs.
-- expects: Probe OK
local csi = require "csi"

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local co = coroutine.create(function()
      local _ <close> = setmetatable({}, { __close = function() csi.sleep(0.01) end })
      coroutine.yield()
    end)
    coroutine.resume(co)
    local ok, message = coroutine.close(co)
    return { ready = not ok and message:find("cannot wait here") ~= nil }
  end,
}
