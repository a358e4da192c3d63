-- print without end, in lines of a megabyte.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local line = ("x"):rep(1000000)
    while true do print(line) end
  end,
}
