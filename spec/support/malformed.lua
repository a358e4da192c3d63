-- What no proper client sends: bytes against HTTP/2 (RFC 9113), HPACK (RFC 7541), gRPC over HTTP/2 or
-- protobuf, each with what must come of it. Each is sent on a connection of its own. An outcome is of
--   status N   stream 1 ends in this gRPC status
--   reset N    stream 1 is reset with this code of HTTP/2
--   answered   stream 1 ends in some status: gRPC core takes the message for none, or for an empty one
--   closed     the connection is closed, with GOAWAY and an error or without
--   lasts      the next call on this connection is answered. Where the RFC wants an error and this stands
--              here, gRPC core is patient: it takes the frame for one of a call that has just ended

local hpack = require "spec.support.hpack"
local http2 = require "spec.support.http2"
local wire = require "spec.support.wire"

local malformed = {}

local FLAG = http2.FLAG
local PRIORITY = 0x20 -- a flag of HEADERS
local FRAME = 16384 -- bytes of a frame at most
local INFO, CREATE = wire.INFO, wire.CREATE

local HEADERS = hpack.encode(http2.request_headers(INFO))

local function frame(type, flags, stream, payload)
  return function(connection)
    connection:frame(type, flags, stream, payload)
  end
end

-- A whole header block in one frame.
local function block(bytes)
  return frame("HEADERS", FLAG.END_HEADERS | FLAG.END_STREAM, 1, bytes)
end

-- A call whose headers are changed as http2.request_headers says.
local function headers(changes, more)
  return function(connection)
    connection:headers(1, http2.request_headers(INFO, changes, more))
    connection:data(1, http2.message(""), true)
  end
end

-- A call whose header fields are just these.
local function fields(...)
  return block(hpack.encode { ... })
end

-- A call with these bytes in its DATA frames.
local function body(bytes, path)
  return function(connection)
    connection:headers(1, http2.request_headers(path or INFO))
    for at = 1, math.max(#bytes, 1), FRAME do
      connection:data(1, bytes:sub(at, at + FRAME - 1), at + FRAME > #bytes)
    end
  end
end

-- A call with this message.
local function message(bytes, path)
  return body(http2.message(bytes), path)
end

-- An open call, then that.
local function open_then(act)
  return function(connection)
    connection:headers(1, http2.request_headers(INFO))
    act(connection)
  end
end

local function whole_then(act)
  return function(connection)
    headers()(connection)
    act(connection)
  end
end

local function settings(id, value)
  return frame("SETTINGS", 0, 0, string.pack(">I2I4", id, value))
end

local function window(stream, by)
  return frame("WINDOW_UPDATE", 0, stream, string.pack(">I4", by))
end

local function twice(act)
  return function(connection)
    act(connection)
    act(connection)
  end
end

-- Lists { name =, outcome =, act = }; act is bytes, the whole of what is sent, or a function that gets a
-- connection whose hands are shaken.
malformed.cases = {}

local function case(name, outcome, act)
  table.insert(malformed.cases, { name = name, outcome = outcome, act = act })
end

-- The beginning of a connection.

case("HTTP/1.1", "closed", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
case("zeros", "closed", ("\0"):rep(1000))
case("TLS", "closed", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" .. ("r"):rep(512))
case("a preface with another end", "closed", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n")
case("a preface in lower case", "closed", http2.PREFACE:lower())
case("frames without a preface", "closed", "\0\0\0\4\0\0\0\0\0")
case("the preface twice", "closed", http2.PREFACE .. http2.PREFACE)
case("garbage behind the preface", "closed", http2.PREFACE .. ("\xa5"):rep(100))
case("HEADERS before SETTINGS", "closed",
  http2.PREFACE .. string.pack(">I3BBI4", #HEADERS, 1, 5, 1) .. HEADERS)

-- Frames.

case("DATA of no stream", "lasts", frame("DATA", 0, 0, "x"))
case("DATA of a stream that was never opened", "lasts", frame("DATA", 1, 1, http2.message("")))
case("DATA behind the end of its stream", "status 0, lasts", whole_then(frame("DATA", 1, 1, "x")))
case("DATA with more padding than content", "reset 1, lasts",
  open_then(frame("DATA", FLAG.PADDED, 1, "\xffx")))
case("DATA with padding, but without its length", "reset 1, lasts",
  open_then(frame("DATA", FLAG.PADDED, 1, "")))

case("HEADERS of no stream", "lasts", frame("HEADERS", 5, 0, HEADERS))
case("HEADERS of an even stream", "lasts", frame("HEADERS", 5, 2, HEADERS))
case("HEADERS of a stream below the last one", "lasts", function(connection)
  connection:frame("HEADERS", 5, 5, HEADERS)
  connection:frame("HEADERS", 5, 1, HEADERS)
end)
case("HEADERS of a stream that has ended", "status 0, lasts", whole_then(frame("HEADERS", 5, 1, HEADERS)))
case("HEADERS with more padding than content", "status 14, closed",
  frame("HEADERS", 5 | FLAG.PADDED, 1, "\xff" .. HEADERS))
case("HEADERS with a priority that is cut off", "status 14, closed",
  frame("HEADERS", 5 | PRIORITY, 1, "\0\0"))
case("HEADERS that depend on themselves", "status 12, lasts",
  frame("HEADERS", 5 | PRIORITY, 1, "\0\0\0\1\16" .. HEADERS))
case("HEADERS with 5000 fields of nothing", "status 8, closed", block(("\0"):rep(15000)))
case("HEADERS without anything", "status 2, lasts", block "")
case("HEADERS three times in one call", "status 14, closed",
  open_then(twice(frame("HEADERS", 4, 1, HEADERS))))

case("CONTINUATION of nothing", "closed", frame("CONTINUATION", 4, 1, ""))
case("CONTINUATION of another stream", "status 14, closed", function(connection)
  connection:frame("HEADERS", 1, 1, HEADERS)
  connection:frame("CONTINUATION", 4, 3, "")
end)
case("PING between HEADERS and CONTINUATION", "status 14, closed", function(connection)
  connection:frame("HEADERS", 1, 1, HEADERS)
  connection:frame("PING", 0, 0, "12345678")
end)
case("CONTINUATION 10,000 times, empty", "status 12, lasts", function(connection)
  connection:frame("HEADERS", 1, 1, HEADERS)
  connection:write(("\0\0\0\9\0\0\0\0\1"):rep(10000))
  connection:frame("CONTINUATION", 4, 1, "")
end)
case("CONTINUATION without an end", "status 8, closed", function(connection)
  connection:frame("HEADERS", 1, 1, HEADERS)
  local more = hpack.encode { { "x-more", ("m"):rep(16000) } }
  for _ = 1, 100 do
    connection:frame("CONTINUATION", 0, 1, more)
  end
end)

case("PRIORITY of no stream", "lasts", frame("PRIORITY", 0, 0, "\0\0\0\1\16"))
case("PRIORITY that is cut off", "lasts", frame("PRIORITY", 0, 1, "\0"))
case("RST_STREAM of no stream", "lasts", frame("RST_STREAM", 0, 0, "\0\0\0\8"))
case("RST_STREAM of a stream that was never opened", "lasts", frame("RST_STREAM", 0, 7, "\0\0\0\8"))
case("RST_STREAM that is cut off", "status 14, closed", open_then(frame("RST_STREAM", 0, 1, "x")))
case("RST_STREAM that is too long", "status 14, closed", open_then(frame("RST_STREAM", 0, 1, "\0\0\0\8\0")))

case("SETTINGS of a stream", "closed", frame("SETTINGS", 0, 1, ""))
case("SETTINGS that are cut off", "closed", frame("SETTINGS", 0, 0, "\0\1\0"))
case("SETTINGS that acknowledge something", "closed", frame("SETTINGS", 1, 0, "\0\1\0\0\0\0"))
case("SETTINGS that acknowledge what was never sent", "lasts", twice(twice(frame("SETTINGS", 1, 0, ""))))
case("SETTINGS with ENABLE_PUSH = 2", "closed", settings(2, 2))
case("SETTINGS with a window beyond 2^31", "closed", settings(4, 0x80000000))
case("SETTINGS with frames of no size", "closed", settings(5, 0))
case("SETTINGS with frames beyond 2^24", "closed", settings(5, 0x1000000))
case("SETTINGS with an unknown name", "lasts", settings(0x7777, 1))
case("PUSH_PROMISE", "lasts", frame("PUSH_PROMISE", 4, 1, "\0\0\0\2"))
case("PING of a stream", "lasts", frame("PING", 0, 1, "12345678"))
case("PING that is cut off", "closed", frame("PING", 0, 0, "x"))
case("PING that is too long", "closed", frame("PING", 0, 0, "123456789"))
case("PING that acknowledges what was never sent", "lasts", frame("PING", 1, 0, "12345678"))
case("GOAWAY of a stream", "lasts", frame("GOAWAY", 0, 1, ("\0"):rep(8)))
case("GOAWAY that is cut off", "closed", frame("GOAWAY", 0, 0, "\0\0\0"))
case("WINDOW_UPDATE by nothing", "closed", window(0, 0))
case("WINDOW_UPDATE by nothing, of a call", "status 14, closed", open_then(window(1, 0)))
case("WINDOW_UPDATE that is cut off", "closed", frame("WINDOW_UPDATE", 0, 0, "x"))
case("WINDOW_UPDATE beyond 2^31", "lasts", twice(window(0, 0x7fffffff)))
case("WINDOW_UPDATE beyond 2^31, of a call", "lasts", open_then(twice(window(1, 0x7fffffff))))
case("WINDOW_UPDATE of a stream that was never opened", "lasts", window(7, 1))
case("a frame of an unknown type", "lasts", frame(99, 255, 1, "what?"))
case("a frame that says 16 MiB", "closed",
  function(connection) connection:write("\xff\xff\xff\0\0\0\0\0\1") end)

-- Header compression.

case("HPACK: the entry 0", "status 14, closed", block "\x80")
case("HPACK: an entry that is not there", "status 14, closed", block "\xfe")
case("HPACK: an integer without an end", "status 14, closed", block(("\xff"):rep(50)))
case("HPACK: a string that is cut off", "status 14, closed", block "\0\x05ab")
case("HPACK: a string that says 4 GiB", "status 14, closed", block "\0\x7f\xff\xff\xff\xff\x0f")
case("HPACK: the end-of-string symbol", "status 2, lasts", block "\0\x01a\x84\xff\xff\xff\xff")
case("HPACK: bad padding of a Huffman string", "status 2, lasts", block "\0\x01a\x81\x00")
case("HPACK: a table larger than allowed", "status 14, closed", block "\x3f\xff\xff\x7f")
case("HPACK: a new table size at the end", "status 12, lasts", block(HEADERS .. "\x20"))
case("HPACK: 64 KiB out of 4 KiB", "status 14, closed", function(connection)
  connection:frame("HEADERS", FLAG.END_HEADERS | FLAG.END_STREAM, 1,
    HEADERS .. "\x40\x01x\x7f\x80\x1f" .. ("v"):rep(127 + 0xf80) .. ("\xbe"):rep(16))
end)

-- The headers of a call.

case("no :path", "status 2, lasts", headers { [":path"] = false })
case("no :method", "status 2, lasts", headers { [":method"] = false })
case("no :scheme", "status 2, lasts", headers { [":scheme"] = false })
case("no te", "status 2, lasts", headers { te = false })
case("no content-type", "status 0, lasts", headers { ["content-type"] = false })
case(":method GET", "status 2, lasts", headers { [":method"] = "GET" })
case(":scheme ftp", "status 2, lasts", headers { [":scheme"] = "ftp" })
case("content-type text/plain", "status 0, lasts", headers { ["content-type"] = "text/plain" })
case(":path twice", "status 0, lasts", headers(nil, { { ":path", wire.PROBE } }))
case(":path without an end", "status 12, lasts", headers { [":path"] = "/" .. ("x"):rep(7000) })
case(":status in a request", "status 0, lasts", headers(nil, { { ":status", "200" } }))
case("a pseudo-header that nobody knows", "status 0, lasts", headers(nil, { { ":unknown", "x" } }))
case("a name in upper case", "status 0, lasts", headers(nil, { { "X-Upper", "x" } }))
case("a name of nothing", "status 0, lasts", headers(nil, { { "", "x" } }))
case("a name with a space", "status 0, lasts", headers(nil, { { "a b", "x" } }))
case("a value with NUL, CR and LF", "status 0, lasts", headers(nil, { { "x-value", "a\0b\r\nc" } }))
case("a value of other bytes than ASCII", "status 0, lasts", headers(nil, { { "x-value", "\xff\xfe" } }))
case("connection: close", "status 0, lasts", headers(nil, { { "connection", "close" } }))
case("content-length that lies", "status 0, lasts", headers(nil, { { "content-length", "1000" } }))
case("binary metadata that is no base64", "status 14, closed", headers(nil, { { "x-data-bin", "?!" } }))
case("metadata of 100 KiB", "status 8, closed", function(connection)
  local more = hpack.encode { { "x-more", ("m"):rep(16000) } }
  connection:frame("HEADERS", 1, 1, HEADERS)
  for i = 1, 6 do
    connection:frame("CONTINUATION", i == 6 and 4 or 0, 1, more)
  end
end)
for _, timeout in ipairs { "", "S", "abc", "-1S", "1x", "1 S", "999999999999S" } do
  case(("grpc-timeout %q"):format(timeout), "status 0, lasts", headers(nil, { { "grpc-timeout", timeout } }))
end
case("header fields that are none of gRPC", "status 2, lasts", fields({ "a", "b" }))
case("100 open calls, and one more", "status 14, closed", function(connection)
  for stream = 1, 201, 2 do
    connection:headers(stream, http2.request_headers(INFO))
  end
end)

-- Messages.

case("no message", "status 12, lasts", body "")
case("a message that is cut off in its length", "status 12, lasts", body "\0\0\0")
case("a message that is cut off", "status 12, lasts", body "\0\0\0\0\8abc")
case("a message that says 4 GiB", "status 12, lasts", body "\0\xff\xff\xff\xffabc")
case("a message with unknown flags", "answered, lasts", body "\xfe\0\0\0\0")
case("a message that is compressed, but not said how", "status 13, lasts", body "\1\0\0\0\5hello")
case("a message behind which more comes", "status 0, lasts", body(http2.message("") .. "\0"))
case("protobuf: a tag that is cut off", "status 13, lasts", message "\xff")
case("protobuf: the field 0", "status 13, lasts", message "\0\0")
case("protobuf: a wire type that nobody knows", "status 13, lasts", message "\x0f\0\0\0\0")
case("protobuf: a group without an end", "status 13, lasts", message "\x0b")
case("protobuf: the end of no group", "status 13, lasts", message "\x0c")
case("protobuf: a number of 11 bytes", "status 13, lasts", message("\x08" .. ("\x80"):rep(10) .. "\1"))
case("protobuf: a string longer than its message", "status 13, lasts", message("\x0a\x7fx", CREATE))
case("protobuf: a string that says 4 GiB", "status 13, lasts", message("\x0a\xff\xff\xff\xff\x0fx", CREATE))
case("protobuf: a message within that is garbage", "status 13, lasts", message("\x12\2\xff\xff", CREATE))
case("protobuf: a string that is not UTF-8", "status 13, lasts", message("\x0a\2\xc3\x28", CREATE))
case("protobuf: a string with NUL", "status 13, lasts", message("\x0a\3a\0b", CREATE))
case("protobuf: 10,000 lengths that lie", "status 13, lasts",
  message(("\x12\x80\x80\1"):rep(10000), CREATE))
case("protobuf: 60 KiB of ones", "status 13, lasts", message(("\xff"):rep(60000)))

-- A limit of the server counts once the client has acknowledged it.
local function wait_settings(connection)
  repeat
    local next_frame = assert(connection:read_frame())
  until next_frame.type == "SETTINGS" and next_frame.flags & FLAG.ACK == 0
end

-- How stream 1 ended.
local function end_of_stream(connection, outcome)
  local answer, why = connection:answer(1)
  if not answer then
    return why
  elseif outcome:find "^answered" then
    return answer.status and "answered" or "reset"
  end
  return answer.status and "status " .. answer.status or "reset " .. answer.reset
end

-- What became of the connection.
local function end_of_connection(connection, outcome)
  if outcome:find "lasts" then
    local answer, why = connection:call(1001, INFO, "")
    return answer and answer.status == 0 and "lasts" or why or "the next call fails"
  end
  local next_frame, why
  repeat
    next_frame, why = connection:read_frame()
  until not next_frame
  return connection.goaway and connection.goaway.code == 0 and "closed without an error" or why
end

-- Does a case on a new connection to this socket. Gives its outcome, in the words of above; it looks for what
-- the case says.
function malformed.try(socket, malformed_case)
  local connection, words = http2.connect(socket), {}
  if type(malformed_case.act) == "string" then
    connection:write(malformed_case.act)
  else
    connection:shake_hands()
    wait_settings(connection)
    malformed_case.act(connection)
  end
  if not malformed_case.outcome:find "^closed" and not malformed_case.outcome:find "^lasts" then
    words[1] = end_of_stream(connection, malformed_case.outcome)
  end
  words[#words + 1] = end_of_connection(connection, malformed_case.outcome)
  connection:close()
  return table.concat(words, ", ")
end

return malformed
