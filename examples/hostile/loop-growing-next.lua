-- pairs over a table whose __pairs begins again and again.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local ring = setmetatable({}, { __pairs = function() return function(_, key) return not key end end })
    for _ in pairs(ring) do
      for _ in pairs(ring) do end
    end
  end,
}
