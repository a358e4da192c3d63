-- A string that doubles.
-- expects: Probe RESOURCE_EXHAUSTED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local s = "x"
    while true do s = s .. s end
  end,
}
