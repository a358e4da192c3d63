-- A loop in __close, at the end of a block.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    do
      local _ <close> = setmetatable({}, { __close = function() while true do end end })
    end
  end,
}
