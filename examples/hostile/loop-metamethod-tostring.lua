-- A loop in __tostring, called by the C function tostring.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    tostring(setmetatable({}, { __tostring = function() while true do end end }))
  end,
}
