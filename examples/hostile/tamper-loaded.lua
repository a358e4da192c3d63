-- The tables and functions of the script itself, taken apart.
-- expects: Probe OK

local handlers = {}

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    for key in pairs(handlers) do handlers[key] = nil end
    return { ready = true }
  end,
}
