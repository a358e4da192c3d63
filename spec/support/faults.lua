-- Servers whose script is made of faults.

local host = require "spec.support.host"
local wait = require "spec.support.wait"

local faults = {}

-- A script with these entries; v(id) is a reply of CreateVolume, say is what stands before the entries.
function faults.script(entries, say)
  return ([[
    local csi, fault = require "csi", require "csi.fault"
    local function v(id) return { volume = { volume_id = id } } end
    %s
    return {
      GetPluginInfo = { name = "fault.example.com", vendor_version = "1" },
      %s
    }]]):format(say or "", entries)
end

-- options: say; flags and endpoint as of host.serve.
function faults.serve(entries, options)
  options = options or {}
  return host.serve {
    script = faults.script(entries, options.say), flags = options.flags, endpoint = options.endpoint,
  }
end

-- What a call shows: the id of the volume, "ok" for another reply, else "CODE: message".
function faults.ask(client, method, request, options)
  local reply, code, message = client:call(method or "CreateVolume", request or {}, options)
  if not reply then
    return code .. ": " .. message
  end
  return reply.volume and reply.volume.volume_id or "ok"
end

-- Returns once a handler waits.
function faults.wait_for_a_waiting_call(server)
  assert(wait.for_(function()
    return server:run({ "status", "--json" }).stdout:find('"suspended_tasks":1', 1, true)
  end))
end

return faults
