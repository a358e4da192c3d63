-- What is answered for an RPC that a script leaves out. GetPluginInfo has no default: a driver must say
-- its own name. Every RPC that is not here either is UNIMPLEMENTED.
local csi = require "csi"

return {
  Probe = { ready = true },
  GetPluginCapabilities = { capabilities = {} },
  ControllerGetCapabilities = { capabilities = {} },
  GroupControllerGetCapabilities = { capabilities = {} },
  NodeGetCapabilities = { capabilities = {} },
  NodeGetInfo = { node_id = csi.config.nodeid },
}
