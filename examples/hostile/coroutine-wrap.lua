-- A loop in a coroutine of the script's own.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    coroutine.wrap(function() while true do end end)()
  end,
}
