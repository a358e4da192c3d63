-- Is the storage there? Asked in the background, so that Probe answers at once whatever hangs: a command has
-- to end well, and one of the monitors has to be reachable.
--   luacsi serve examples/ceph-readiness.lua --allow-exec=ceph --allow-net=10.0.0.1:6789,10.0.0.2:6789 \
--     --set monitors=10.0.0.1:6789,10.0.0.2:6789
-- More settings: --set command="ceph health" and --set every=10, in seconds. A program must be able to read
-- its own files, so with --allow-exec the kernel does not confine the process; the log says so.
local csi = require "csi"

local command = csi.config.command or "ceph health"
local monitors = csi.config.monitors or "localhost:6789"
local every = tonumber(csi.config.every or "10")

local argv = {}
for word in command:gmatch("%S+") do
  argv[#argv + 1] = word
end

local health = csi.check("health", { every = every, timeout = 10 }, function()
  local status, out, err = csi.exec(argv, { timeout = 9 })
  if not status then
    return nil, out
  elseif status ~= 0 then
    return nil, ("%s: status %d: %s"):format(command, status, err:match("[^\n]*"))
  end
  return true
end)

local network = csi.check("network", { every = every, timeout = 10 }, function()
  local reason
  for address in monitors:gmatch("[^,]+") do
    local reached, message = csi.connect("tcp://" .. address, { timeout = 2 })
    if reached then
      return true
    end
    reason = message
  end
  return nil, reason
end)

return {
  GetPluginInfo = { name = "ceph.csi.example.com", vendor_version = "1.0.0" },

  -- up: ready. Not asked often enough to tell: ready = false. Three times in a row in vain: an error.
  Probe = csi.readiness { health, network },
}
