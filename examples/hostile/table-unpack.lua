-- More values than the stack takes.
-- expects: Probe INTERNAL too many results to unpack

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    return table.unpack({}, 1, 1 << 40)
  end,
}
