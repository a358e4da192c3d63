-- The handler raises; the loop is in the __close of a variable that is still open.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local _ <close> = setmetatable({}, { __close = function() while true do end end })
    error "now close"
  end,
}
