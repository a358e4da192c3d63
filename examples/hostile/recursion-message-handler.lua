-- A handler of xpcall that raises, whose handler raises.
-- expects: Probe OK

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    xpcall(error, function() error "again" end)
    local function f() return xpcall(error, f) end
    f()
    return { ready = true }
  end,
}
