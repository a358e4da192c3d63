-- An error message of megabytes.
-- expects: Probe INTERNAL xxxx

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    error(("x"):rep(4000000), 0)
  end,
}
