-- The metatable of all strings.
-- expects: Probe OK

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local meta = getmetatable("")
    return { ready = type(meta) ~= "table" }
  end,
}
