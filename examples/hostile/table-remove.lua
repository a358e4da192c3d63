-- table.remove from a list that claims to be endless.
-- expects: Probe INTERNAL too long a list

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    return table.remove(setmetatable({}, { __len = function() return math.maxinteger - 1 end }), 1)
  end,
}
