-- Weak tables, which the collector has to walk again and again.
-- expects: Probe RESOURCE_EXHAUSTED
-- flags: --handler-cpu=2s --handler-timeout=5s

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local t = {}
    for i = 1, math.huge do t[i] = setmetatable({ {} }, { __mode = "k" }) end
  end,
}
