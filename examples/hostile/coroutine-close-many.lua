-- A thousand expired coroutines, each with a little left to do.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local many = {}
    for i = 1, 1000 do
      many[i] = coroutine.wrap(function() while true do coroutine.yield() end end)
    end
    while true do
      for i = 1, #many do pcall(many[i]) end
    end
  end,
}
