-- A loop in __call.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local meta = { __call = function() while true do end end }
    local t = setmetatable({}, meta)
    return t()
  end,
}
