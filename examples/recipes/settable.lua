-- A name and a version from outside
--
-- One script for many drivers: what it is called comes with the command line, or in LUACSI_SET.
--
--     luacsi serve settable.lua --set name=rbd.csi.ceph.com --set version=v3.0.0 --set commit=abc123
local csi = require "csi"

---@type csi.handlers
local driver = {
  GetPluginInfo = {
    name = csi.config.name or "settable.csi.example.com",
    vendor_version = csi.config.version or csi.version,
    manifest = { commit = csi.config.commit },
  },
}

return driver
