-- No reply at all.
-- expects: Probe INTERNAL expected the handler to return a table

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    return
  end,
}
