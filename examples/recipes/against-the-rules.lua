-- Replies that CSI forbids
--
-- What does a client make of a driver without a name, of a capability without a type, of bytes that are no
-- message? luacsi refuses to send these unless a script says that it is on purpose.
--
--     luacsi serve against-the-rules.lua
local fault = require "csi.fault"

---@type csi.handlers
local driver = {
  GetPluginInfo = fault.unchecked { name = "", vendor_version = "1.0.0" },
  GetPluginCapabilities = fault.unchecked { capabilities = { { service = { type = "UNKNOWN" } }, {} } },
  NodeGetInfo = fault.raw "\xff\xff\xff\xff",
  Probe = fault.details("FAILED_PRECONDITION", "with details, which CSI forbids",
    { type_url = "type.googleapis.com/google.protobuf.Empty", value = "" }),
}

return driver
