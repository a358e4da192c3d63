-- A loop below xpcall, whose handler swallows the error, begun again and again.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    while true do
      xpcall(function() while true do end end, function() return nil end)
    end
  end,
}
