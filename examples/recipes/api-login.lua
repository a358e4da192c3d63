-- A storage API: reachable, and the right product?
--
-- In the background, with a password from the environment. A wrong password or another product is for
-- somebody to mend; an API that answers 503 is only not ready yet.
--
--     ARRAY_PASSWORD=... luacsi serve api-login.lua --set api=https://array.example.com/api \
--       --allow-net=array.example.com:443 --allow-env=ARRAY_PASSWORD
local csi = require "csi"

local url = (csi.config.api or "http://127.0.0.1:8080/api") .. "/version"

local api = csi.check("api", { every = 30, fall = 1 }, function()
  local headers = { authorization = "Bearer " .. (csi.env "ARRAY_PASSWORD" or "") }
  local status, body, code = csi.http(url, { headers = headers })
  if not status then
    return nil, body, code
  elseif status == 503 then
    return false, "the API is starting"
  elseif status ~= 200 then
    return nil, "the API answers " .. status
  end
  local version = csi.json.decode(body)
  if type(version) ~= "table" or version.product ~= "examplestore" then
    return nil, "this is no examplestore"
  end
  return true
end)

---@type csi.handlers
local driver = {
  GetPluginInfo = { name = "api.csi.example.com", vendor_version = "1.0.0" },
  Probe = csi.readiness { api },
}

return driver
