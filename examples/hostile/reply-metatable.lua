-- A reply with traps in its metatables: none is asked.
-- expects: Probe OK

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local function spin() while true do end end
    local traps = { __index = spin, __pairs = spin, __len = spin, __metatable = spin }
    return setmetatable({ ready = true }, traps)
  end,
}
