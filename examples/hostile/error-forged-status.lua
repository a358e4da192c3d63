-- A status of csi.fail that was made nonsense of.
-- expects: Probe INTERNAL
local csi = require "csi"

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local _, status = pcall(csi.fail, "ABORTED", "meant")
    for key in pairs(status) do status[key] = setmetatable({}, { __tostring = error }) end
    error(status)
  end,
}
