-- HTTP/2 frame by frame (RFC 9113), and gRPC upon it: for what no proper client would send.

local uv = require "luv"
local hpack = require "spec.support.hpack"
local wait = require "spec.support.wait"

local http2 = {}
local Connection = { __index = {} }

http2.TYPE = {
  DATA = 0, HEADERS = 1, PRIORITY = 2, RST_STREAM = 3, SETTINGS = 4, PUSH_PROMISE = 5, PING = 6, GOAWAY = 7,
  WINDOW_UPDATE = 8, CONTINUATION = 9,
}
http2.FLAG = { ACK = 1, END_STREAM = 1, END_HEADERS = 4, PADDED = 8 }
http2.PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

local TYPE, FLAG = http2.TYPE, http2.FLAG
local FRAME_BYTES = 16384 -- of a DATA frame, at most

-- The server may hang up while we write: an error of the write then, not our end.
local sigpipe = uv.new_signal()
sigpipe:start("sigpipe", function() end)
sigpipe:unref()

local NAME = {}
for name, number in pairs(TYPE) do
  NAME[number] = name
end

local function new_connection()
  return setmetatable({
    pipe = uv.new_pipe(false),
    received = "",
    decoder = hpack.decoder(),
    streams = {}, -- what came for each, see stream_of
  }, Connection)
end

local function start_reading(self)
  self.pipe:read_start(function(err, bytes)
    self.received = self.received .. (bytes or "")
    self.closed = self.closed or err or not bytes and "closed" or nil
  end)
end

-- Connects to a UNIX socket. Sends nothing yet: see start.
function http2.connect(path)
  local self = new_connection()
  local result
  self.pipe:connect(path, function(err) result = err or "connected" end)
  wait.for_(function() return result end)
  assert(result == "connected", result)
  start_reading(self)
  return self
end

-- Listens at a UNIX socket, for whom we play the server. accept() waits for a client, shakes hands, and
-- gives the connection; close() ends all of it.
function http2.listen(path)
  local listener = { pipe = uv.new_pipe(false), waiting = {}, accepted = {} }
  assert(listener.pipe:bind(path))
  listener.pipe:listen(16, function(err)
    assert(not err, err)
    local connection = new_connection()
    listener.pipe:accept(connection.pipe)
    start_reading(connection)
    table.insert(listener.waiting, connection)
    table.insert(listener.accepted, connection)
  end)
  function listener.accept()
    local connection = wait.for_(function() return table.remove(listener.waiting, 1) end)
    assert(connection, "nobody connects")
    assert(wait.for_(function() return #connection.received >= #http2.PREFACE end), "no preface")
    connection.received = connection.received:sub(#http2.PREFACE + 1)
    connection:frame("SETTINGS", 0, 0, "")
    return connection
  end
  function listener.close()
    for _, connection in ipairs(listener.accepted) do
      connection:close()
    end
    listener.pipe:close()
    uv.run("nowait")
  end
  return listener
end

-- Says what a client has to say first.
function Connection.__index:shake_hands()
  self:write(http2.PREFACE)
  self:frame("SETTINGS", 0, 0, "")
end

-- Connects and shakes hands.
function http2.start(path)
  local self = http2.connect(path)
  self:shake_hands()
  return self
end

function Connection.__index:write(bytes)
  self.pipe:write(bytes)
  uv.run("nowait")
end

function Connection.__index:frame(type, flags, stream, payload)
  self:write(string.pack(">I3BBI4", #payload, TYPE[type] or type, flags, stream) .. payload)
end

-- The headers of a gRPC request; changes maps a name to another value, or to false: leave it out.
-- more is a list of further { name, value }.
function http2.request_headers(path, changes, more)
  local fields = {}
  for _, field in ipairs {
    { ":method", "POST" }, { ":scheme", "http" }, { ":path", path }, { ":authority", "localhost" },
    { "content-type", "application/grpc" }, { "te", "trailers" },
  } do
    local change = changes and changes[field[1]]
    if change ~= false then
      fields[#fields + 1] = { field[1], change or field[2] }
    end
  end
  return table.move(more or {}, 1, more and #more or 0, #fields + 1, fields)
end

function Connection.__index:headers(stream, fields, end_stream)
  local flags = FLAG.END_HEADERS | (end_stream and FLAG.END_STREAM or 0)
  self:frame("HEADERS", flags, stream, hpack.encode(fields))
end

function Connection.__index:data(stream, bytes, end_stream)
  self:frame("DATA", end_stream and FLAG.END_STREAM or 0, stream, bytes)
end

-- Ends a stream of ours; code is HTTP/2's (8: CANCEL).
function Connection.__index:reset(stream, code)
  self:frame("RST_STREAM", 0, stream, string.pack(">I4", code or 8))
end

-- One message as gRPC frames it. compressed: the flag is set.
function http2.message(bytes, compressed)
  return string.pack(">Bs4", compressed and 1 or 0, bytes)
end

-- What came for a stream: headers and trailers (as hpack gives them), data, ended, reset (the code).
function Connection.__index:stream_of(number)
  self.streams[number] = self.streams[number] or { data = "" }
  return self.streams[number]
end

local function take_headers(self, stream, frame)
  assert(frame.flags & FLAG.END_HEADERS ~= 0, "CONTINUATION is not expected from gRPC")
  local fields = self.decoder:decode(frame.payload)
  if frame.flags & FLAG.END_STREAM ~= 0 then
    stream.trailers, stream.ended = fields, true
  else
    stream.headers = fields
  end
end

local take = {
  HEADERS = function(self, frame)
    take_headers(self, self:stream_of(frame.stream), frame)
  end,
  DATA = function(self, frame)
    local stream = self:stream_of(frame.stream)
    stream.data = stream.data .. frame.payload
    stream.ended = stream.ended or frame.flags & FLAG.END_STREAM ~= 0
    if #frame.payload > 0 then
      self:frame("WINDOW_UPDATE", 0, 0, string.pack(">I4", #frame.payload))
    end
  end,
  RST_STREAM = function(self, frame)
    local stream = self:stream_of(frame.stream)
    stream.reset, stream.ended = string.unpack(">I4", frame.payload), true
  end,
  SETTINGS = function(self, frame)
    if frame.flags & FLAG.ACK == 0 then
      self:frame("SETTINGS", FLAG.ACK, 0, "")
    end
  end,
  PING = function(self, frame)
    if frame.flags & FLAG.ACK == 0 then
      self:frame("PING", FLAG.ACK, 0, frame.payload)
    end
  end,
  GOAWAY = function(self, frame)
    local last, code, text = string.unpack(">I4I4", frame.payload)
    self.goaway = { last = last, code = code, text = frame.payload:sub(text) }
  end,
}

-- The next frame, which is also taken account of (streams, acknowledgements): { type =, flags =,
-- stream =, payload = }. nil and "closed" or "timeout" when none comes within limit seconds.
function Connection.__index:read_frame(limit)
  local function size()
    return #self.received >= 9 and 9 + string.unpack(">I3", self.received)
  end
  wait.for_(function() return size() and #self.received >= size() or self.closed end, limit)
  if not size() or #self.received < size() then
    return nil, self.closed and "closed" or "timeout"
  end
  local payload_size, type, flags, stream, at = string.unpack(">I3BBI4", self.received)
  local frame = { type = NAME[type] or type, flags = flags, stream = stream }
  frame.payload = self.received:sub(at, at + payload_size - 1)
  self.received = self.received:sub(at + payload_size)
  if take[frame.type] then
    take[frame.type](self, frame)
  end
  return frame
end

-- The next message of a stream that goes on; nil once it has ended. Gives the server room for more.
function Connection.__index:message(number, limit)
  local stream = self:stream_of(number)
  local at = stream.read or 1
  local function is_whole()
    return #stream.data >= at + 4 and #stream.data >= at + 4 + string.unpack(">I4", stream.data, at + 1)
  end
  while not is_whole() do
    if stream.ended or not self:read_frame(limit) then
      return nil
    end
  end
  local _, message, next_at = string.unpack(">Bs4", stream.data, at)
  stream.read = next_at
  if not stream.ended then
    self:frame("WINDOW_UPDATE", 0, number, string.pack(">I4", next_at - at))
  end
  return message
end

local function percent_decode(s)
  return (s:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

-- Reads until the stream has ended. Gives { status = number, message = text, data = bytes, messages =
-- list, headers =, trailers =, reset = code }; nil and why when the connection ends before.
function Connection.__index:answer(number, limit)
  local stream = self:stream_of(number)
  while not stream.ended do
    local frame, why = self:read_frame(limit)
    if not frame then
      return nil, why
    end
  end
  local trailers = stream.trailers or {}
  local messages, at = {}, 1
  while at <= #stream.data do
    local _, message, next_at = string.unpack(">Bs4", stream.data, at)
    messages[#messages + 1], at = message, next_at
  end
  return {
    status = tonumber(trailers["grpc-status"]),
    message = percent_decode(trailers["grpc-message"] or ""),
    data = stream.data,
    messages = messages,
    headers = stream.headers or trailers,
    trailers = trailers,
    reset = stream.reset,
  }
end

-- Of a server: the next call whose request has come: its number, its headers, the first message.
function Connection.__index:request()
  while true do
    for number, stream in pairs(self.streams) do
      if not stream.taken and stream.ended and stream.trailers then -- END_STREAM on the headers: no message
        stream.taken, stream.headers = true, stream.trailers
        return number, stream.headers
      elseif not stream.taken and stream.headers and #stream.data >= 5 then
        local message = self:message(number)
        if message then
          stream.taken = true
          return number, stream.headers, message
        end
      end
    end
    assert(self:read_frame())
  end
end

-- Of a server: the headers, messages and trailers of a whole answer; changes of the headers and further
-- trailers may be given. All of it should fit into the window of a new stream, 64 KiB.
function Connection.__index:respond(number, messages, trailers, headers)
  local first = { { ":status", "200" }, { "content-type", "application/grpc" } }
  self:headers(number, table.move(headers or {}, 1, headers and #headers or 0, 3, first))
  for _, bytes in ipairs(messages or {}) do
    local message = http2.message(bytes)
    for at = 1, #message, FRAME_BYTES do
      self:data(number, message:sub(at, at + FRAME_BYTES - 1))
    end
  end
  if trailers then
    self:headers(number, trailers, true)
  end
end

-- A whole unary call: path, the message's bytes. Its stream has to be new: 1, 3, 5...
function Connection.__index:call(number, path, bytes)
  self:headers(number, http2.request_headers(path))
  self:data(number, http2.message(bytes), true)
  return self:answer(number)
end

-- Hangs up, without a word.
function Connection.__index:close()
  if not self.pipe:is_closing() then
    self.pipe:close()
    uv.run("nowait")
  end
end

return http2
