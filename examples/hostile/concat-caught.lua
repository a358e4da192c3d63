-- A concatenation for which memory is short, caught, for ever, with a heap that takes long to collect.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local heap = {}
    for i = 1, 100000 do heap[i] = {} end
    local s = ("x"):rep(3000000)
    while true do pcall(function() return s .. s .. s .. s end) end
  end,
}
