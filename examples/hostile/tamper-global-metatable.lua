-- Globals that are made up when somebody asks.
-- expects: Probe OK

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    setmetatable(_G, { __index = function() while true do end end, __newindex = error })
    return { ready = true }
  end,
}
