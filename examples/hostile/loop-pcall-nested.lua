-- A loop below 100 levels of pcall, each of which begins again.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local function nest(level)
      while true do
        pcall(level > 0 and nest or function() while true do end end, level - 1)
      end
    end
    nest(100)
  end,
}
