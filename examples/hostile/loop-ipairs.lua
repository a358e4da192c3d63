-- ipairs over a table that has every index.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    for _ in ipairs(setmetatable({}, { __index = function() return 1 end })) do end
  end,
}
