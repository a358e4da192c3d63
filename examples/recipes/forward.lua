-- A Probe that asks another driver
--
-- A driver in front of another one is as ready as that. csi.call speaks to any CSI socket.
--
--     luacsi serve forward.lua --set backend=unix:///run/nfs/csi.sock --allow-net=unix:/run/nfs/csi.sock
local csi = require "csi"

local backend = csi.config.backend or "unix:///run/nfs/csi.sock"

---@type csi.handlers
local driver = {
  GetPluginInfo = { name = "front.csi.example.com", vendor_version = "1.0.0" },

  Probe = function()
    local reply, message, code = csi.call(backend, "Probe", {}, { timeout = 2 })
    if not reply then
      csi.fail("FAILED_PRECONDITION", ("the backend answers %s: %s"):format(code, message))
    end
    return { ready = reply.ready ~= false }
  end,
}

return driver
