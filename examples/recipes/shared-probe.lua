-- A slow Probe that many ask
--
-- kubelet, sidecars and a liveness probe may all ask at once. With csi.coalesce who asks while the program
-- runs waits for that run, so it never runs twice at a time.
--
--     luacsi serve shared-probe.lua --allow-exec=/usr/bin/ceph
local csi = require "csi"

---@type csi.handlers
local driver = {
  GetPluginInfo = { name = "shared.csi.example.com", vendor_version = "1.0.0" },

  Probe = csi.coalesce(function()
    local status, out, err = csi.exec({ "/usr/bin/ceph", "health" }, { timeout = 3 })
    if not status then
      csi.fail("FAILED_PRECONDITION", out)
    elseif status ~= 0 then
      csi.fail("FAILED_PRECONDITION", "ceph health: " .. err)
    end
    return { ready = out:find "^HEALTH_OK" ~= nil }
  end),
}

return driver
