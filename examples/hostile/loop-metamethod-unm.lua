-- A loop in __unm.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local meta = { __unm = function() while true do end end }
    local t = setmetatable({}, meta)
    return -t
  end,
}
