-- Waits in xpcall, in a coroutine, in a metamethod, in an iterator, in __close: all of them are good places.
-- expects: Probe OK
local csi = require "csi"

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local function nap() csi.sleep(0.001) return true end
    local function pairs_after_nap() nap() return next, {} end
    local sleepy = setmetatable({}, { __index = nap, __close = nap, __pairs = pairs_after_nap })
    assert(pcall(nap) and xpcall(nap, error) and coroutine.wrap(nap)() and sleepy.x)
    for _ in pairs(sleepy) do end
    local n = 0
    for _ in function() nap() n = n + 1 return n < 3 or nil end do end
    do
      local _ <close> = sleepy
    end
    return { ready = true }
  end,
}
