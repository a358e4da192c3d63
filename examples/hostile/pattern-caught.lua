-- Stuck in a pattern below a pcall and a coroutine.
-- expects: Probe DEADLINE_EXCEEDED
-- stuck: 1

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    return coroutine.wrap(pcall)(string.find, ("a"):rep(3000), ("a-"):rep(6) .. "b")
  end,
}
