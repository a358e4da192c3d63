-- Functions with ever more arguments.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local function more(...) return more(1, ...) end
    return more()
  end,
}
