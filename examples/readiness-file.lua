-- Ready while a file says so: "ok" is ready, any other text is the reason why the driver is broken, and no
-- file at all means that it is still starting.
--   luacsi serve examples/readiness-file.lua --allow-read=/run/driver/ready
-- Another file: --set file=PATH --allow-read=PATH.
local csi = require "csi"

local path = csi.config.file or "/run/driver/ready"

return {
  GetPluginInfo = { name = "file.csi.example.com", vendor_version = "1.0.0" },

  Probe = function()
    local text, message, code = csi.read(path)
    if code == "NOT_FOUND" then
      return { ready = false }
    elseif not text then
      csi.fail("FAILED_PRECONDITION", message)
    end
    local reason = text:match("^%s*(.-)%s*$")
    if reason ~= "ok" then
      csi.fail("FAILED_PRECONDITION", reason == "" and path .. " is empty" or reason)
    end
    return { ready = true }
  end,
}
