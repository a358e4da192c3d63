-- Long strings that differ in the last byte, compared for ever.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local a, b = ("x"):rep(4000000) .. "a", ("x"):rep(4000000) .. "b"
    while a ~= b do end
  end,
}
