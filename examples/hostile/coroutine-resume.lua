-- A loop in a coroutine, resumed again and again: each end of it is only a result.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    while true do
      coroutine.resume(coroutine.create(function() while true do end end))
    end
  end,
}
