-- The letters of a long text, counted for ever.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local s = ("ä"):rep(2000000)
    while true do utf8.len(s) end
  end,
}
