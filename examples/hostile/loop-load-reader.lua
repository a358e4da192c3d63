-- load with a reader that never says that the text is over.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    load(function() return " " end)
  end,
}
