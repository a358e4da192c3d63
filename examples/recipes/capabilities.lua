-- A driver that can do what a test says
--
-- Sidecars exit, wait or go on by what a driver says it can do. `--set service=...` and `--set
-- controller=...` are lists with blanks between.
--
--     luacsi serve capabilities.lua --set "service=CONTROLLER_SERVICE" \
--       --set "controller=CREATE_DELETE_VOLUME EXPAND_VOLUME"
local csi = require "csi"

-- The words of a setting, each as kind = { type = word }.
local function capabilities(setting, kind)
  local list = {}
  for word in (csi.config[setting] or ""):gmatch "%S+" do
    list[#list + 1] = { [kind] = { type = word } }
  end
  return { capabilities = list }
end

---@type csi.handlers
local driver = {
  GetPluginInfo = { name = "capable.csi.example.com", vendor_version = "1.0.0" },
  GetPluginCapabilities = capabilities("service", "service"),
  ControllerGetCapabilities = capabilities("controller", "rpc"),
  NodeGetCapabilities = capabilities("node", "rpc"),
}

return driver
