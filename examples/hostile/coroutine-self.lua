-- A coroutine that resumes and closes itself, and the handler's own.
-- expects: Probe OK

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local main = coroutine.running()
    coroutine.wrap(function()
      local self = coroutine.running()
      assert(not coroutine.resume(self) and not pcall(coroutine.close, self))
      assert(not coroutine.resume(main) and not pcall(coroutine.close, main))
    end)()
    return { ready = not pcall(coroutine.yield) }
  end,
}
