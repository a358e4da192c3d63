-- A double that fails in a given order: DEADLINE_EXCEEDED twice, ABORTED once, then all is well.
local csi = require "csi"

local failures = { "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED", "ABORTED" }
local calls = 0

return {
  GetPluginInfo = { name = "flaky.csi.example.com", vendor_version = "1.0.0" },

  Probe = function()
    calls = calls + 1
    local code = failures[calls]
    if code then
      csi.fail(code, "failure " .. calls .. " of " .. #failures)
    end
    return { ready = true }
  end,
}
