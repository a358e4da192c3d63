-- A format that asks for more than there is.
-- expects: Probe RESOURCE_EXHAUSTED
-- flags: --handler-cpu=2s --handler-timeout=5s

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local large = setmetatable({}, { __index = function() return 1e308 end })
    return (("%99.99f"):rep(200000)):format(table.unpack(large, 1, 200000))
  end,
}
