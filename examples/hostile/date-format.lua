-- os.date with a format of megabytes.
-- expects: Probe RESOURCE_EXHAUSTED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    return os.date(("%c"):rep(1000000))
  end,
}
