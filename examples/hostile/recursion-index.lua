-- __index that asks itself.
-- expects: Probe INTERNAL C stack overflow

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local t = setmetatable({}, {})
    getmetatable(t).__index = function() return t.x end
    return t.x
  end,
}
