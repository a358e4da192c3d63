-- table.move over as much as it allows, for ever.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    while true do table.move({}, 1, 1 << 22, 2) end
  end,
}
