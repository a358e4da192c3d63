-- A function without a bottom: its memory is used up before its stack is.
-- expects: Probe RESOURCE_EXHAUSTED
-- flags: --handler-cpu=2s --handler-timeout=5s

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local function f() return 1 + f() end
    return f()
  end,
}
