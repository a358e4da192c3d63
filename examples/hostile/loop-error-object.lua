-- The error object's __tostring, which the host calls, never ends.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    error(setmetatable({}, { __tostring = function() while true do end end }))
  end,
}
