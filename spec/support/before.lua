-- A server with --upstream: in front of another luacsi, or of a driver that the spec itself plays.

local host = require "spec.support.host"
local http2 = require "spec.support.http2"

local before = {
  PROBE = "/csi.v1.Identity/Probe",
  CREATE = "/csi.v1.Controller/CreateVolume",
  ALLOCATED = "/csi.v1.SnapshotMetadata/GetMetadataAllocated", -- its replies are a stream
  OK = { { "grpc-status", "0" } },
}

-- Serves in front of the driver at endpoint. options: script, flags, endpoint, as host.serve.
function before.serve(endpoint, options)
  options = options or {}
  local flags = { "--upstream", endpoint }
  table.move(options.flags or {}, 1, #(options.flags or {}), 3, flags)
  return host.serve { script = options.script, flags = flags, endpoint = options.endpoint }
end

-- A server in front of a luacsi with that script, and that luacsi.
function before.script(script, options)
  local real = host.serve { script = script, flags = { "--nodeid", "real", "--validate", "off" } }
  return before.serve(real.endpoint, options), real
end

-- Gives a client of a server in front of nobody yet, a listener for who plays the driver (of http2), and
-- the server. The caller has to close the first two, as in finally(close), the fourth value.
function before.play(options)
  local path = host.folder() .. "/real.sock"
  local listener = http2.listen(path)
  local server = before.serve("unix://" .. path, options)
  local client = http2.start(server.socket)
  return client, listener, server, function()
    client:close()
    listener.close()
  end
end

-- Sends a call of the client: the message's bytes, further headers. open: there will be more messages.
function before.ask(client, number, path, bytes, more, open)
  client:headers(number, http2.request_headers(path, nil, more))
  client:data(number, http2.message(bytes), not open)
end

-- Reads until the caller of the driver's stream has ended it.
function before.wait_reset(driver, number)
  while not driver:stream_of(number).reset do
    assert(driver:read_frame())
  end
end

return before
