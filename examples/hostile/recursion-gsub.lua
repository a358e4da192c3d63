-- gsub in the replacement of gsub.
-- expects: Probe INTERNAL C stack overflow

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local function f() return (("x"):gsub("x", f)) end
    return f()
  end,
}
