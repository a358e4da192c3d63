-- A module that is not there, asked for without end.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local n = 0
    while true do
      n = n + 1
      pcall(require, "none" .. n)
    end
  end,
}
