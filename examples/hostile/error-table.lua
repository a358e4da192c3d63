-- A table as an error.
-- expects: Probe INTERNAL table:

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    error({})
  end,
}
