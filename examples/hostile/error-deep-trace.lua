-- An error below ten thousand calls: the log has a traceback of it.
-- expects: Probe INTERNAL deep

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local function f(n) if n == 0 then error("deep", 0) end f(n - 1) return n end
    f(10000)
  end,
}
