-- As many values as the stack takes, passed on for ever.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    while true do select("#", table.unpack({}, 1, 200000)) end
  end,
}
