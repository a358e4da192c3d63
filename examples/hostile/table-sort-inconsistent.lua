-- A comparison that contradicts itself.
-- expects: Probe OK

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local list = {}
    for i = 1, 1000 do list[i] = i end
    pcall(table.sort, list, function() return math.random() < 0.5 end)
    return { ready = true }
  end,
}
