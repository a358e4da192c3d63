-- A server with a control socket, and luacsi.v1.Control as functions: server:control("Calls", { … }).

local assert = require "luassert"
local host = require "spec.support.host"
local luacsi = require "luacsi"

local control = {}

-- Starts `luacsi serve` with --control. options: as host.serve. The server has control_socket as well.
function control.serve(options)
  local socket = host.folder() .. "/control.sock"
  local flags = options.flags or {}
  flags = table.move(flags, 1, #flags, 3, { "--control", "unix://" .. socket })
  local all = {}
  for key, value in pairs(options) do
    all[key] = value
  end
  all.flags = flags
  local server = host.serve(all)
  server.control_socket = socket
  server.control_endpoint = "unix://" .. socket
  local connection = assert(luacsi.connect(server.control_endpoint))
  server:connect() -- makes the list that disconnect closes
  table.insert(server.connections, connection)

  -- Gives the reply, or nil, the status and the message.
  function server.control(_, method, request)
    return connection:call("luacsi.v1.Control/" .. method, request or {}, { timeout = 30 })
  end

  -- The reply; an error where there is none.
  function server.must(self, method, request)
    local reply, code, message = self:control(method, request)
    return assert(reply, ("%s: %s: %s"):format(method, code, message))
  end

  -- Asserts how the method fails.
  function server.assert_fails(self, code, message, method, request)
    local reply, came, text = self:control(method, request)
    assert.is_nil(reply)
    assert.same({ code, message }, { came, text })
  end
  return server
end

-- The calls of a reply as a list of lists of the values of these fields.
function control.fields(reply, ...)
  local list = {}
  for i, call in ipairs(reply.calls) do
    list[i] = {}
    for k, name in ipairs { ... } do
      list[i][k] = call[name]
    end
  end
  return list
end

return control
