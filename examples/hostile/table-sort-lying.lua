-- table.sort of a list that claims to be long.
-- expects: Probe INTERNAL

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    table.sort(setmetatable({}, { __len = function() return 1 << 23 end }))
  end,
}
