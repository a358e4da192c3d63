-- A chain of closures.
-- expects: Probe RESOURCE_EXHAUSTED
-- flags: --handler-cpu=2s --handler-timeout=5s

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local f = print
    while true do
      local before = f
      f = function() return before end
    end
  end,
}
