-- The coroutine was made while the script loaded, and every call goes on with it.
-- expects: Probe DEADLINE_EXCEEDED

local spin = coroutine.create(function() while true do end end)

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    coroutine.resume(spin)
    return { ready = true }
  end,
}
