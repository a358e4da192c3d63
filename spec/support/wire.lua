-- What the specs of the wire share: a server, and that it is well after all that came.

local assert = require "luassert"
local host = require "spec.support.host"
local luacsi = require "luacsi"

local wire = {
  INFO = "/csi.v1.Identity/GetPluginInfo", -- a constant
  PROBE = "/csi.v1.Identity/Probe", -- a handler that takes 20 ms and answers an empty message
  CREATE = "/csi.v1.Controller/CreateVolume", -- a handler that answers the volume "id of NAME"
}

local SCRIPT = [[
  local csi = require "csi"
  return {
    GetPluginInfo = { name = "wire.example.com", vendor_version = "1" },
    Probe = function()
      local start = csi.now()
      while csi.now() - start < 0.02 do end
      return {}
    end,
    CreateVolume = function(request)
      return { volume = { volume_id = "id of " .. request.name } }
    end,
  }
]]

function wire.serve()
  return host.serve { script = SCRIPT }
end

function wire.assert_answers(server)
  local connection <close> = assert(luacsi.connect(server.endpoint))
  assert.same({ name = "wire.example.com", vendor_version = "1", manifest = {} },
    connection:call("GetPluginInfo", {}, { timeout = 10 }))
end

-- The server still answers, and then ends cleanly.
function wire.teardown(server)
  local answers, fault = pcall(wire.assert_answers, server)
  host.teardown()
  assert(answers, fault)
end

-- The status of an answer (of http2), its message, and whether there is a reply.
function wire.assert_status(status, message, answer)
  assert.same({ status, message }, { answer.status, answer.message })
  assert.equal(status == 0 and 1 or 0, #answer.messages)
end

return wire
