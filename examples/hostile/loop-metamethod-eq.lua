-- A loop in __eq.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local meta = { __eq = function() while true do end end }
    local t, other = setmetatable({}, meta), setmetatable({}, meta)
    return t == other
  end,
}
