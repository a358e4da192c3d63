-- Blocks of one size after the other, each until memory is short.
-- expects: Probe OK
-- flags: --memory=6MB --handler-cpu=20s --handler-timeout=40s

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    for size = 8, 480, 16 do
      pcall(function()
        local t = {}
        for i = 1, math.huge do t[i] = ("x"):rep(size) .. i end
      end)
    end
    return { ready = true }
  end,
}
