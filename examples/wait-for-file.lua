-- Ready once a file is there, and has been for a while: a file that flickers makes no driver that flickers.
--   luacsi serve examples/wait-for-file.lua --allow-read=/run/driver/ready
-- More settings: --set file=/run/driver/ready and --set every=1, in seconds.
local csi = require "csi"

local path = csi.config.file or "/run/driver/ready"
local every = tonumber(csi.config.every or "1")

-- Twice there in a row: up. Five times gone in a row: not ready any more.
local present = csi.check("file", { every = every, rise = 2, fall = 5 }, function()
  local stat, message, code = csi.stat(path)
  if code == "NOT_FOUND" then
    return false, message -- not yet: ready = false
  end
  return stat, message -- any other failure is an error of the setup
end)

return {
  GetPluginInfo = { name = "waiting.csi.example.com", vendor_version = "1.0.0" },

  Probe = csi.readiness { present },
}
