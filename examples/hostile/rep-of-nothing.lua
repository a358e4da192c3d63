-- Nothing, 2^62 times: no memory is needed.
-- expects: Probe OK

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    return { ready = ("").rep("", 1 << 62) == "" }
  end,
}
