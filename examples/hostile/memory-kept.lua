-- Memory that the script never gives back: its handlers fail from then on, constants do not.
-- expects: Probe RESOURCE_EXHAUSTED
-- flags: --handler-cpu=2s --handler-timeout=5s

local kept = {}

return {
  GetPluginInfo = { name = "hostile.example.com", vendor_version = "1.0.0" },

  Probe = function()
    for i = #kept + 1, math.huge do kept[i] = ("x"):rep(100) .. i end
  end,
}
