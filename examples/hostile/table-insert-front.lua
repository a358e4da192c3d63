-- table.insert in front of a list that grows.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local list = {}
    while true do table.insert(list, 1, true) end
  end,
}
