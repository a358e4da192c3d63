-- A driver that was recorded
--
-- What a real driver answered once, for tests that have no such driver. `luacsi record` wrote the table. It
-- was edited since: pvc-1 is busy first, and takes a second then.
--
--     luacsi record --upstream unix:///run/nfs/csi.sock --out fixture.lua --endpoint unix:///tmp/csi/csi.sock
--     luacsi serve fixture.lua
local replay = require "csi.replay"

return replay {
  GetPluginInfo = {
    {
      request = {},
      { reply = { name = "nfs.csi.example.com", vendor_version = "4.2.0" } },
    },
  },

  CreateVolume = {
    {
      request = {
        name = "pvc-1",
        capacity_range = { required_bytes = 1073741824 },
        parameters = { server = "10.0.0.7" },
      },
      { code = "ABORTED", message = "an operation on pvc-1 is under way" },
      {
        seconds = 1,
        reply = {
          volume = {
            capacity_bytes = 1073741824,
            volume_id = "export-17",
            volume_context = { server = "10.0.0.7", share = "/export/17" },
          },
        },
      },
    },
    {
      request = {
        name = "pvc-2",
        capacity_range = { required_bytes = 1099511627776 },
        parameters = { server = "10.0.0.7" },
      },
      { code = "RESOURCE_EXHAUSTED", message = "no space left on 10.0.0.7" },
    },
  },

  DeleteVolume = {
    {
      request = { volume_id = "export-17" },
      { reply = {} },
    },
  },

  ListVolumes = {}, -- was not called
}
