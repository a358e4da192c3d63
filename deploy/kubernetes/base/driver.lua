-- A double that makes, attaches, expands and snapshots volumes which are nothing but names. It mounts
-- nothing: NodePublishVolume is UNIMPLEMENTED, so a pod that uses such a volume waits. What it can do is what
-- the sidecars of Kubernetes ask for before they go on.
local function size_of(range)
  return range and math.max(range.required_bytes, 1) or 1 << 30
end

---@type csi.handlers
local driver = {
  GetPluginInfo = { name = "double.csi.example.com", vendor_version = "1.0.0" },

  Probe = { ready = true },

  GetPluginCapabilities = { capabilities = {
    { service = { type = "CONTROLLER_SERVICE" } },   -- external-resizer
    { volume_expansion = { type = "ONLINE" } },
  } },

  ControllerGetCapabilities = { capabilities = {
    { rpc = { type = "CREATE_DELETE_VOLUME" } },     -- external-provisioner
    { rpc = { type = "PUBLISH_UNPUBLISH_VOLUME" } }, -- external-attacher
    { rpc = { type = "EXPAND_VOLUME" } },            -- external-resizer
    { rpc = { type = "CREATE_DELETE_SNAPSHOT" } },   -- external-snapshotter
  } },

  CreateVolume = function(request)
    return { volume = {
      volume_id = request.name,
      capacity_bytes = size_of(request.capacity_range),
      volume_context = request.parameters,
      content_source = request.volume_content_source,
    } }
  end,

  DeleteVolume = {},

  ValidateVolumeCapabilities = function(request)
    return { confirmed = { volume_capabilities = request.volume_capabilities } }
  end,

  ControllerPublishVolume = {},
  ControllerUnpublishVolume = {},

  ControllerExpandVolume = function(request)
    return { capacity_bytes = size_of(request.capacity_range) }
  end,

  CreateSnapshot = function(request)
    return { snapshot = {
      snapshot_id = request.name,
      source_volume_id = request.source_volume_id,
      creation_time = os.date("!%Y-%m-%dT%H:%M:%SZ"),
      ready_to_use = true,
    } }
  end,

  DeleteSnapshot = {},
}

return driver
