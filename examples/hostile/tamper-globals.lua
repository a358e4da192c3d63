-- Everything that is global, replaced.
-- expects: Probe OK

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local globals = _G
    for name in pairs(globals) do globals[name] = false end
    return { ready = true }
  end,
}
