-- A __close that computes for a while in coroutine.close: it is not cut short.
-- expects: Probe OK
-- flags: --handler-cpu=5s --handler-timeout=10s

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local n = 0
    local function count() for _ = 1, 3000000 do n = n + 1 end end
    local co = coroutine.create(function()
      local _ <close> = setmetatable({}, { __close = count })
      coroutine.yield()
    end)
    coroutine.resume(co)
    return { ready = coroutine.close(co) and n == 3000000 }
  end,
}
