-- Each coroutine resumes another one, without end.
-- expects: Probe INTERNAL

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local function nest() return coroutine.wrap(nest)() end
    return nest()
  end,
}
