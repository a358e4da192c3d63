-- A function without a bottom, caught, for ever.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local function f() return 1 + f() end
    while true do pcall(f) end
  end,
}
