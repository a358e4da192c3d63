-- Failures that a StorageClass asks for
--
-- A test says in the parameters of its StorageClass what is to become of its volumes, while others use the
-- same driver as if nothing were wrong: `fail: ABORTED`, `fail-times: "2"`, `delay: "1.5"`.
--
--     luacsi serve by-parameter.lua
local csi = require "csi"

-- Whether this volume has had all its failures.
local function has_failed_enough(request)
  local times = tonumber(request.parameters["fail-times"])
  return times and csi.store.incr("failures/" .. request.name) > times
end

---@type csi.handlers
local driver = {
  GetPluginInfo = { name = "parameter.csi.example.com", vendor_version = "1.0.0" },
  ControllerGetCapabilities = { capabilities = { { rpc = { type = "CREATE_DELETE_VOLUME" } } } },

  CreateVolume = function(request)
    csi.sleep(tonumber(request.parameters.delay) or 0)
    local code = request.parameters.fail
    if code and not has_failed_enough(request) then
      csi.fail(code, "the StorageClass asks for it")
    end
    return { volume = { volume_id = request.name, volume_context = request.parameters } }
  end,

  DeleteVolume = {},
}

return driver
