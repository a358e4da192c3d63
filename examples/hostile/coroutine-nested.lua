-- A loop 20 coroutines deep.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local function nest(level)
      if level == 0 then
        while true do end
      end
      return coroutine.wrap(nest)(level - 1)
    end
    nest(20)
  end,
}
