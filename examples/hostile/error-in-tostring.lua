-- An error object that raises when it is shown.
-- expects: Probe INTERNAL an error object that cannot be shown

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    error(setmetatable({}, { __tostring = error }))
  end,
}
