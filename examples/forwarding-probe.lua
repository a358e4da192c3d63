-- A driver in front of another: it is ready when the driver behind the other socket says so.
--   luacsi serve examples/forwarding-probe.lua --allow-net=unix:/run/backend/csi.sock \
--     --set backend=unix:///run/backend/csi.sock
local csi = require "csi"

local backend = csi.config.backend or "unix:///run/backend/csi.sock"

return {
  GetPluginInfo = { name = "front.csi.example.com", vendor_version = "1.0.0" },

  -- Callers that ask while an answer is on its way share it.
  Probe = csi.coalesce(function()
    local reply, message, code = csi.call(backend, "Probe", {}, { timeout = 3 })
    if reply then
      return reply
    elseif code == "UNAVAILABLE" or code == "NOT_FOUND" then
      return { ready = false } -- nobody listens yet; an error would make sidecars exit
    end
    csi.fail(code, "backend: " .. message)
  end),
}
