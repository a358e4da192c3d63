-- A call that never ends
--
-- NodeGetInfo hangs until its caller gives up: a caller without a deadline waits for ever. All other calls
-- are answered meanwhile.
--
--     luacsi serve hang.lua
local fault = require "csi.fault"

---@type csi.handlers
local driver = {
  GetPluginInfo = { name = "hang.csi.example.com", vendor_version = "1.0.0" },
  NodeGetInfo = fault.hang(),
}

return driver
