-- A comparison without a line of Lua: pcall says no to everything.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    table.sort(setmetatable({}, { __len = function() return 1 << 23 end }), pcall)
  end,
}
