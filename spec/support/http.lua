-- A small HTTP client: one request a connection.

local host = require "spec.support.host"
local uv = require "luv"
local wait = require "spec.support.wait"

local http = {}

-- Starts `luacsi serve` with an HTTP endpoint, and returns once that listens, too. options: as host.serve.
-- Gives the server and the port.
function http.serve(options)
  local port = host.free_port()
  local flags = options.flags or {}
  options.flags = table.move(flags, 1, #flags, 3, { "--http-endpoint", "127.0.0.1:" .. port })
  local server = host.serve(options)
  http.wait_for(port)
  return server, port
end

-- Returns once somebody listens there.
function http.wait_for(port)
  assert(wait.for_(function() return host.listens("tcp://127.0.0.1:" .. port) end))
end

-- Sends bytes to a port of 127.0.0.1 and gives a table that fills: text (what came), closed.
function http.send(port, bytes)
  local self = { text = "", handle = uv.new_tcp() }
  self.handle:connect("127.0.0.1", port, function(err)
    if err then
      self.closed = err
      return
    end
    self.handle:write(bytes)
    self.handle:read_start(function(read_err, data)
      self.text = self.text .. (data or "")
      self.closed = self.closed or read_err or not data
    end)
  end)
  return self
end

function http.close(connection)
  if not connection.handle:is_closing() then
    connection.handle:close()
  end
end

-- What came as { code =, headers =, body = }; nil: no answer.
function http.parse(text)
  local code, fields, body = text:match("^HTTP/1%.1 (%d+) [^\r]*\r\n(.-)\r\n\r\n(.*)$")
  if not code then
    return nil
  end
  local headers = {}
  for name, value in (fields .. "\r\n"):gmatch("([^:\r\n]+): *([^\r\n]*)\r\n") do
    headers[name:lower()] = value
  end
  return { code = math.tointeger(tonumber(code)), headers = headers, body = body }
end

-- Starts a request and goes on; http.answer waits for it.
function http.start(port, path, method)
  return http.send(port, ("%s %s HTTP/1.1\r\nHost: localhost\r\n\r\n"):format(method or "GET", path))
end

-- The answer to a request of http.start; nil when there was none in time (seconds).
function http.answer(connection, limit)
  wait.for_(function() return connection.closed end, limit)
  http.close(connection)
  return http.parse(connection.text)
end

function http.get(port, path, method)
  return http.answer(http.start(port, path, method))
end

return http
