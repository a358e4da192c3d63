-- A number of a million digits, read for ever.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local digits = ("1"):rep(1000000)
    while true do local _ = digits + 0 end
  end,
}
