-- A storage with an HTTP API that wants a login: the token is asked for once, and kept for as long as it is
-- good. csi.store keeps it over a reload, too (and with --state in a file: mind that it is a secret).
--   ARRAY_PASSWORD=... luacsi serve examples/http-login.lua --allow-env=ARRAY_PASSWORD \
--     --set url=https://array.example.com --set user=csi --allow-net=array.example.com:443
local csi = require "csi"

local url = csi.config.url or "http://localhost:8080"
local password = csi.env("ARRAY_PASSWORD")

-- The status and body of a request; what keeps it from being made fails the call.
local function ask(path, options)
  local status, body = csi.http(url .. path, options)
  if not status then
    csi.fail("FAILED_PRECONDITION", body)
  end
  return status, body
end

local function log_in()
  local status, body = ask("/login", {
    headers = { ["Content-Type"] = "application/json" },
    body = csi.json.encode { user = csi.config.user, password = password },
  })
  local answer = status == 200 and csi.json.decode(body)
  if not answer then
    csi.fail("FAILED_PRECONDITION", ("login: HTTP status %d"):format(status))
  end
  csi.store.set("token", answer.token, { ttl = answer.expires_in })
  return answer.token
end

return {
  GetPluginInfo = { name = "array.csi.example.com", vendor_version = "1.0.0" },

  Probe = csi.coalesce(function()
    local token = csi.store.get("token") or log_in()
    local status = ask("/health", { headers = { Authorization = "Bearer " .. token } })
    if status == 401 then
      csi.store.set("token", nil) -- taken back before its time: the next Probe logs in again
      return { ready = false }
    elseif status ~= 200 then
      csi.fail("FAILED_PRECONDITION", ("health: HTTP status %d"):format(status))
    end
    return { ready = true }
  end),
}
