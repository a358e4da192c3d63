-- Text that is nested deeper than the compiler goes.
-- expects: Probe INTERNAL

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    return assert(load("return " .. ("("):rep(100000) .. "1" .. (")"):rep(100000)))
  end,
}
