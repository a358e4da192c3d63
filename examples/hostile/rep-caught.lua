-- A string that is too long, again and again, the failures caught.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    while true do pcall(string.rep, "x", 1 << 27) end
  end,
}
