-- next over a large table that has been emptied.
-- expects: Probe DEADLINE_EXCEEDED
-- flags: --memory=32MB

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local t = {}
    for i = 1, 200000 do t["key" .. i] = true end
    for key in pairs(t) do t[key] = nil end
    while true do next(t) end
  end,
}
