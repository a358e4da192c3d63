-- A kernel module that must be there
--
-- FAILED_PRECONDITION with the reason: somebody has to load the module on this node.
--
--     luacsi serve kernel-module.lua --allow-read=/sys/module/rbd
local csi = require "csi"

---@type csi.handlers
local driver = {
  GetPluginInfo = { name = "module.csi.example.com", vendor_version = "1.0.0" },

  Probe = function()
    if not csi.stat "/sys/module/rbd" then
      csi.fail("FAILED_PRECONDITION", "kernel module rbd is not loaded: modprobe rbd")
    end
    return { ready = true }
  end,
}

return driver
