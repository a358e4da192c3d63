-- A list that holds itself, in a reply that may have one.
-- expects: GetPluginCapabilities INTERNAL

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  GetPluginCapabilities = function()
    local list = {}
    list[1] = { service = list }
    return { capabilities = list }
  end,
}
