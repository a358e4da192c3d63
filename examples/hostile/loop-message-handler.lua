-- The loop is in xpcall's handler.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    xpcall(error, function() while true do end end)
  end,
}
