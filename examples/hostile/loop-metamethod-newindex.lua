-- A loop in __newindex.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local meta = { __newindex = function() while true do end end }
    local t = setmetatable({}, meta)
    t.x = 1
  end,
}
