-- A loop in __pairs.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    for _ in pairs(setmetatable({}, { __pairs = function() while true do end end })) do end
  end,
}
