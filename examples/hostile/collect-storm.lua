-- A full collection of garbage each time round, over a heap that takes long to walk.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local heap = {}
    for i = 1, 150000 do heap[i] = {} end
    while true do collectgarbage() end
  end,
}
