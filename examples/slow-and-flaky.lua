-- A double of a bad day: each second CreateVolume fails (--seed repeats which), one name is slow, and
-- nothing is there to be deleted but one volume.
local csi = require "csi"
local fault = require "csi.fault"

local function create(request)
  return { volume = { volume_id = "id-of-" .. request.name } }
end

return {
  GetPluginInfo = { name = "bad-day.csi.example.com", vendor_version = "1.0.0" },

  CreateVolume = fault.first {
    fault.on({ name = "large" }, fault.delay({ 0.1, 0.2 }, create)),
    fault.flaky(0.5, fault.fail("UNAVAILABLE", "try again")),
    create,
  },
  DeleteVolume = fault.first {
    fault.on({ volume_id = "kept" }, {}),
    fault.fail("NOT_FOUND", "no such volume on " .. csi.config.nodeid),
  },
}
