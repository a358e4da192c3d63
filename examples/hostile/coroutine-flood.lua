-- A new coroutine each time round, none of which ends.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    while true do coroutine.wrap(coroutine.yield)() end
  end,
}
