-- The operator .. on long strings: each is a single instruction.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local s = ("x"):rep(4000000)
    while true do local _ = s .. "y" end
  end,
}
