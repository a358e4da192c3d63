-- pcall in pcall in pcall.
-- expects: Probe OK

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local function f() return pcall(f) end
    f()
    return { ready = true }
  end,
}
