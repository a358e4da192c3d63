-- table.concat of a list that never ends.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    return table.concat(setmetatable({}, { __index = function() return "" end }), "", 1, math.maxinteger)
  end,
}
