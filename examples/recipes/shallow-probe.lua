-- A shallow Probe
--
-- For a livenessProbe that restarts the container: it must say no more than that the process runs. Whatever
-- is wrong outside, a restart would not mend it. A constant costs no Lua at all.
--
--     luacsi serve shallow-probe.lua

---@type csi.handlers
local driver = {
  GetPluginInfo = { name = "shallow.csi.example.com", vendor_version = "1.0.0" },
  Probe = { ready = true },
}

return driver
