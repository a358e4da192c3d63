-- Endless, with variables to close that are endless, too: they must not run.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local function spin() while true do end end
    local a <close> = setmetatable({}, { __close = spin })
    local b <close> = setmetatable({}, { __close = spin })
    spin(a, b)
  end,
}
