-- sort in the comparison of sort.
-- expects: Probe INTERNAL C stack overflow

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local function f() table.sort({ 2, 1 }, f) end
    return f()
  end,
}
