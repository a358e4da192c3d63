-- 100,000 coroutines, each closed by the __close of the one before.
-- expects: Probe OK
-- flags: --handler-cpu=2s --handler-timeout=10s --memory=256MB

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local last
    for _ = 1, 100000 do
      local before = last
      last = coroutine.create(function()
        local function close_before() return before and coroutine.close(before) end
        local _ <close> = setmetatable({}, { __close = close_before })
        coroutine.yield()
      end)
      coroutine.resume(last)
    end
    coroutine.close(last)
    return { ready = true }
  end,
}
