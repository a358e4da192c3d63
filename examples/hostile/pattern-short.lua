-- A pattern of some hundredth parts of a second, for ever: not stuck, if the clock is looked at in time.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    while true do ("a"):rep(120):find(("a-"):rep(3) .. "b") end
  end,
}
