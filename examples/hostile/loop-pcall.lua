-- A loop that catches whatever would end it, and begins again.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    while true do
      pcall(function() while true do end end)
    end
  end,
}
