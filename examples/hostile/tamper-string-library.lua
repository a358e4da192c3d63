-- The functions that all strings have, replaced.
-- expects: Probe OK

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    for name in pairs(string) do string[name] = error end
    return { ready = true }
  end,
}
