-- A pattern that takes some milliseconds, for ever.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    while true do ("a"):rep(100):find(("a-"):rep(3) .. "b") end
  end,
}
