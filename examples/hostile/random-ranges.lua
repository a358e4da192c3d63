-- math.random with ranges that are none.
-- expects: Probe OK

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    pcall(math.random, math.mininteger, math.maxinteger)
    pcall(math.random, 1, 0)
    return { ready = not pcall(math.random, 0, 1, 2) }
  end,
}
