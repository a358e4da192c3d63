-- A __close that computes for a while where a wrapped coroutine raises.
-- expects: Probe OK
-- flags: --handler-cpu=5s --handler-timeout=10s

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local n = 0
    local function count() for _ = 1, 3000000 do n = n + 1 end end
    local raise = coroutine.wrap(function()
      local _ <close> = setmetatable({}, { __close = count })
      error("meant", 0)
    end)
    local _, message = pcall(raise)
    return { ready = n == 3000000 and message:find("meant$") ~= nil }
  end,
}
