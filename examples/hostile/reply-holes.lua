-- A list that is all holes.
-- expects: GetPluginCapabilities INTERNAL

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  GetPluginCapabilities = function() return { capabilities = { [1 << 40] = {} } } end,
}
