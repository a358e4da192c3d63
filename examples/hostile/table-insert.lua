-- table.insert into a list that claims to be endless.
-- expects: Probe INTERNAL too long a list

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    table.insert(setmetatable({}, { __len = function() return math.maxinteger - 1 end }), 1, "x")
  end,
}
