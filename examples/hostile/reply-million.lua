-- A list of a million entries.
-- expects: GetPluginCapabilities OK
-- flags: --memory=32MB --handler-cpu=1s

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  GetPluginCapabilities = function()
    local list, one = {}, { service = { type = "CONTROLLER_SERVICE" } }
    for i = 1, 1000000 do list[i] = one end
    return { capabilities = list }
  end,
}
