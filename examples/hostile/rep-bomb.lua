-- A string of a gigabyte.
-- expects: Probe RESOURCE_EXHAUSTED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    return ("x"):rep(1 << 30)
  end,
}
