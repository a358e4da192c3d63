-- Starting is not broken
--
-- Sidecars ask again at `ready = false`, and exit at most errors. So what only needs time is `ready = false`;
-- FAILED_PRECONDITION is for what somebody has to mend. A check whose function returns false means the one,
-- nil the other.
--
--     luacsi serve starting.lua --allow-read=/run/array
local csi = require "csi"

local state = csi.check("array", { every = 2, fall = 1 }, function()
  local text, message = csi.read("/run/array/state")
  if not text then
    return nil, message
  elseif text:find "^starting" then
    return false, "the array is starting"
  end
  return true
end)

---@type csi.handlers
local driver = {
  GetPluginInfo = { name = "starting.csi.example.com", vendor_version = "1.0.0" },
  Probe = csi.readiness { state },
}

return driver
