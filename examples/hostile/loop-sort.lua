-- A comparison of table.sort that never ends: nothing can be suspended in there.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    table.sort({ 2, 1 }, function() while true do end end)
  end,
}
