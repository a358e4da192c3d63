-- One call in ten fails
--
-- For a client that is to live with a bad network. `--seed` makes the same calls fail each time.
--
--     luacsi serve flaky.lua --set probability=0.1 --seed 7
local csi = require "csi"
local fault = require "csi.fault"

local probability = tonumber(csi.config.probability or "0.1")
local unavailable = fault.fail("UNAVAILABLE", "a bad day, on purpose")

---@type csi.handlers
local driver = {
  GetPluginInfo = { name = "flaky.csi.example.com", vendor_version = "1.0.0" },
  Probe = fault.flaky(probability, unavailable),
  NodeGetInfo = fault.flaky(probability, unavailable),
}

return driver
