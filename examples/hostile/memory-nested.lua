-- Tables in tables in tables.
-- expects: Probe RESOURCE_EXHAUSTED
-- flags: --handler-cpu=2s --handler-timeout=5s

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local t = {}
    while true do t = { t } end
  end,
}
