-- Fail twice, then once in another way, then succeed
--
-- What a client makes of errors that go away. Each call gets the next of the sequence; fault.pass at its end
-- leaves the calls that follow to the default.
--
--     luacsi serve fail-twice.lua
local fault = require "csi.fault"

---@type csi.handlers
local driver = {
  GetPluginInfo = { name = "twice.csi.example.com", vendor_version = "1.0.0" },

  Probe = fault.sequence {
    fault.times(2, fault.fail("DEADLINE_EXCEEDED", "too slow, on purpose")),
    fault.fail("ABORTED", "in the middle of something, on purpose"),
    fault.pass,
  },
}

return driver
