-- A table that grows; each failure is caught and forgotten.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    while true do
      pcall(function()
        local t = {}
        for i = 1, math.huge do t[i] = {} end
      end)
    end
  end,
}
