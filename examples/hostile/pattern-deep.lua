-- A pattern that is nested too deep for C.
-- expects: Probe INTERNAL pattern too complex

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    return { ready = ("x"):rep(300000):find((".-"):rep(300000) .. "y") }
  end,
}
