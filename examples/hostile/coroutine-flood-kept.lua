-- New coroutines without end, all of them kept.
-- expects: Probe RESOURCE_EXHAUSTED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local kept = {}
    while true do
      kept[#kept + 1] = coroutine.create(print)
    end
  end,
}
