-- A list of a million entries, and memory for more.
-- expects: GetPluginCapabilities OK
-- flags: --memory=256MB --handler-cpu=2s --handler-timeout=5s

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
