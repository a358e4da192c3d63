-- Finalizers, which nothing could end.
-- expects: Probe INTERNAL __gc is not available

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    setmetatable({}, { __gc = function() while true do end end })
  end,
}
