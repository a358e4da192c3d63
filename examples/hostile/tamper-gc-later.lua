-- A finalizer that comes later.
-- expects: Probe OK

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local meta = {}
    setmetatable({}, meta)
    meta.__gc = function() while true do end end
    collectgarbage()
    return { ready = true }
  end,
}
