-- A double that no driver should be like: a reply that breaks the rules of CSI, one that is no message at
-- all, and a status with details.
local fault = require "csi.fault"

return {
  GetPluginInfo = fault.unchecked { name = "-not a name-", vendor_version = "" },
  NodeGetInfo = fault.raw "\255\255\255",
  CreateVolume = fault.details("RESOURCE_EXHAUSTED", "the quota is used up", {
    type_url = "type.googleapis.com/google.rpc.RetryInfo", value = "\10\2\8\5", -- retry_delay of 5 s
  }),
}
