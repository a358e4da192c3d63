-- os.time with fields that no calendar has.
-- expects: Probe OK

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    for _, value in ipairs { math.maxinteger, math.mininteger, 0 / 0, 1e308, "x", {} } do
      pcall(os.time, { year = value, month = value, day = value })
      pcall(os.date, "%c", value)
    end
    return { ready = true }
  end,
}
