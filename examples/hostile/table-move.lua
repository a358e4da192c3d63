-- table.move over all integers.
-- expects: Probe INTERNAL too many elements to move

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    return table.move({}, 1, math.maxinteger - 1, 2)
  end,
}
