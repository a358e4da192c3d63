-- A run that waits for itself.
-- expects: Probe DEADLINE_EXCEEDED
local csi = require "csi"

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local run
    run = csi.run(function() run:wait() end)
    run:wait()
  end,
}
