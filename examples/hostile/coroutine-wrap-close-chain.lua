-- 100,000 coroutines that raise; each closes its variables by running the one before.
-- expects: Probe OK
-- flags: --handler-cpu=2s --handler-timeout=10s --memory=256MB

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local last = error
    for _ = 1, 100000 do
      local before = last
      last = coroutine.wrap(function()
        local _ <close> = setmetatable({}, { __close = function() return before() end })
        error()
      end)
    end
    return { ready = not pcall(last) }
  end,
}
