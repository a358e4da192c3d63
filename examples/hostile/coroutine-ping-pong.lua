-- Two coroutines that resume each other's resumers for ever.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local ping = coroutine.wrap(function() while true do coroutine.yield() end end)
    while true do ping() end
  end,
}
