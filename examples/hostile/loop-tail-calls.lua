-- A function that calls itself in its return for ever: no stack is used.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local function again() return again() end
    return again()
  end,
}
