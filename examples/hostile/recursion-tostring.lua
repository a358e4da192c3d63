-- __tostring that shows itself.
-- expects: Probe INTERNAL

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local t = setmetatable({}, { __tostring = function(self) return tostring(self) end })
    return tostring(t)
  end,
}
