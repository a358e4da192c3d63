-- What `luacsi record` writes, edited by hand: this driver is busy twice, then makes the volume pvc-1, and
-- knows no other.
local replay = require "csi.replay"

return replay {
  GetPluginInfo = {
    {
      request = {},
      { reply = { name = "recorded.csi.example.com", vendor_version = "7.0.0" } },
    },
  },

  CreateVolume = {
    {
      request = { name = "pvc-1", parameters = { tier = "gold" } },
      { times = 2, code = "ABORTED", message = "an operation on pvc-1 is under way" },
      { reply = { volume = { volume_id = "vol-1", capacity_bytes = 1073741824 } } },
    },
  },
}
