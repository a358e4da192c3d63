-- An HTTP server of this process, for one kind of client: one that sends whole requests. It answers while
-- the loop runs, so whoever asks it must be another process.

local uv = require "luv"

local web = {}
local Web = { __index = {} }

-- The first whole request in the text; nil while some of it is missing.
local function parse(text)
  local head, body = text:match("^(.-\r\n)\r\n(.*)$")
  local length = head and tonumber(head:lower():match("\r\ncontent%-length: (%d+)") or 0)
  if not head or #body < length then
    return nil
  end
  local request = { body = body:sub(1, length), headers = {} }
  request.method, request.path = head:match("^(%S+) (%S+)")
  for name, value in head:gmatch("\r\n([^:\r\n]+): ([^\r\n]*)") do
    request.headers[name:lower()] = value
  end
  return request
end

-- Listens on 127.0.0.1. answer(request) gives a status and a body; request has method, path, headers (names
-- in lower case) and body. The server has url, port, and requests: all that came.
function web.serve(answer)
  local self = setmetatable({ requests = {}, clients = {}, socket = uv.new_tcp() }, Web)
  assert(self.socket:bind("127.0.0.1", 0))
  self.port = self.socket:getsockname().port
  self.url = "http://127.0.0.1:" .. self.port
  self.socket:listen(16, function()
    local client, text = uv.new_tcp(), ""
    self.socket:accept(client)
    table.insert(self.clients, client)
    client:read_start(function(_, chunk)
      text = text .. (chunk or "")
      local request = parse(text)
      if request then
        text = ""
        table.insert(self.requests, request)
        local status, body = answer(request)
        client:write(("HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s"):format(status, #body, body))
      end
    end)
  end)
  return self
end

function Web.__index:close()
  for _, client in ipairs(self.clients) do
    client:close()
  end
  self.socket:close()
end

return web
