-- Calls that no proper client makes, and what proper ones do in odd forms. After each, the server
-- answers the next call and ends cleanly.

local http2 = require "spec.support.http2"
local luacsi = require "luacsi"
local wire = require "spec.support.wire"

local INFO, PROBE, CREATE = wire.INFO, wire.PROBE, wire.CREATE
local OK, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL = 0, 4, 12, 13

local assert_status = wire.assert_status
local server

local function setup()
  server = wire.serve()
end

local function teardown()
  wire.teardown(server)
end

-- Sends one request in a connection of its own and gives the answer. request: path, changes and more as
-- for http2.request_headers, data (a list: the DATA frames, the last one with END_STREAM; empty: the
-- headers have it).
local function answer_to(request)
  local connection = http2.start(server.socket)
  local data = request.data or { http2.message("") }
  local headers = http2.request_headers(request.path or INFO, request.changes, request.more)
  connection:headers(1, headers, #data == 0)
  for i, bytes in ipairs(data) do
    connection:data(1, bytes, i == #data)
  end
  local answer = assert(connection:answer(1))
  connection:close()
  return answer
end

-- A message of so many bytes: one field that no request has. Its length always takes four bytes.
local function unknown_field(size)
  local content = size - 6
  local length = string.char(content & 127 | 128, content >> 7 & 127 | 128, content >> 14 & 127 | 128,
    content >> 21)
  return "\xfa\x01" .. length .. ("x"):rep(content)
end

describe("a message in the request", function()
  before_each(setup)
  after_each(teardown)

  it("is missing: the headers end the stream", function()
    assert_status(UNIMPLEMENTED, "expected one request message, got none", answer_to { data = {} })
  end)

  it("is missing: an empty DATA frame ends the stream", function()
    assert_status(UNIMPLEMENTED, "expected one request message, got none", answer_to { data = { "" } })
  end)

  it("is cut off in its length", function()
    assert_status(UNIMPLEMENTED, "expected one request message, got none", answer_to { data = { "\0\0\0" } })
  end)

  it("is shorter than its length says", function()
    for _, length in ipairs { 4, 0xffff, 0xffffffff } do
      assert_status(UNIMPLEMENTED, "expected one request message, got none",
        answer_to { data = { string.pack(">BI4", 0, length) .. "abc" } })
    end
  end)

  it("comes in pieces, and its end in an empty DATA frame", function()
    local name = luacsi.encode("CreateVolumeRequest", { name = "pieces" })
    local pieces = {}
    for byte in http2.message(name):gmatch(".") do
      pieces[#pieces + 1] = byte
    end
    pieces[#pieces + 1] = ""
    local answer = answer_to { path = CREATE, data = pieces }
    assert_status(OK, "", answer)
    assert.equal("id of pieces", luacsi.decode("CreateVolumeResponse", answer.messages[1]).volume.volume_id)
  end)

  it("is followed by a second one: the first is answered, once", function()
    local function create(name)
      return http2.message(luacsi.encode("CreateVolumeRequest", { name = name }))
    end
    local answer = answer_to { path = CREATE, data = { create("one") .. create("two") } }
    assert_status(OK, "", answer)
    assert.equal("id of one", luacsi.decode("CreateVolumeResponse", answer.messages[1]).volume.volume_id)
  end)

  it("is garbage", function()
    local garbage = { "\xff", "\xff\xff\xff", "\x0a\x7fx", "\x0b", "\x0f\0\0\0\0", ("\x80"):rep(20), "\0\0" }
    for _, bytes in ipairs(garbage) do
      local answer = answer_to { data = { http2.message(bytes) } }
      assert.equal(INTERNAL, answer.status)
      assert.truthy(answer.message:find("GetPluginInfoRequest: not in the wire format of protobuf", 1, true))
    end
  end)

  it("is cut off inside a field", function()
    local whole = luacsi.encode("CreateVolumeRequest", {
      name = "name", parameters = { key = "value" }, capacity_range = { required_bytes = 1 << 62 },
    })
    local connection = server:connect()
    local answered = 0
    for n = 1, #whole - 1 do
      local reply, code = connection:raw(CREATE, whole:sub(1, n))
      answered = answered + (reply and 1 or 0)
      assert(reply or code == "INTERNAL", code)
    end
    assert.equal(2, answered) -- cut between two of the three fields
  end)

  it("has fields that nobody knows: they are passed over", function()
    assert_status(OK, "", answer_to { data = { http2.message("\x08\x01" .. "\xfa\x01\x03abc") } })
  end)

  it("has a string with NUL or other than UTF-8", function()
    local connection = server:connect()
    local function assert_refused(expected, bytes)
      local reply, code, message = connection:raw(CREATE, bytes)
      assert.same({ nil, "INTERNAL", expected }, { reply, code, message })
    end
    assert_refused("CreateVolumeRequest.name: expected a string without NUL, got one with NUL", "\x0a\3a\0b")
    assert_refused("CreateVolumeRequest.name: expected UTF-8, got other bytes", "\x0a\2\xc3\x28")
    assert_refused("CreateVolumeRequest.parameters.key: expected UTF-8, got other bytes",
      "\x22\4\x0a\2\xff\xff")
    assert_refused("CreateVolumeRequest.parameters.value: expected a string without NUL, got one with NUL",
      "\x22\3\x12\1\0")
    assert_refused("CreateVolumeRequest.secrets.value: expected UTF-8, got other bytes", "\x2a\3\x12\1\x80")
  end)

  it("is compressed: refused, since nobody asked for it", function()
    local answer = answer_to {
      data = { http2.message("hello", true) },
      more = { { "grpc-encoding", "gzip" } },
    }
    assert.equal(UNIMPLEMENTED, answer.status)
    assert.truthy(answer.message:find("gzip", 1, true))
  end)

  it("says that it is compressed, but not how", function()
    assert.equal(INTERNAL, answer_to { data = { http2.message("hello", true) } }.status)
  end)

  it("is compressed in a way that nobody knows", function()
    assert.equal(INTERNAL, answer_to {
      data = { http2.message("hello", true) },
      more = { { "grpc-encoding", "br" } },
    }.status)
  end)
end)

describe("the size of a request", function()
  before_each(setup)
  after_each(teardown)

  it("is at most 64 KiB for Identity", function()
    local connection = server:connect()
    assert(connection:raw(INFO, unknown_field(65536)))
    local reply, code, message = connection:raw(INFO, unknown_field(65537))
    assert.same({ nil, "RESOURCE_EXHAUSTED", "expected a request of at most 65536 bytes, got 65537" },
      { reply, code, message })
  end)

  it("is at most 4 MiB for the other services", function()
    local connection = server:connect()
    assert(connection:raw(CREATE, unknown_field(4 << 20)))
    local reply, code = connection:raw(CREATE, unknown_field((4 << 20) + 1))
    assert.same({ nil, "RESOURCE_EXHAUSTED" }, { reply, code })
  end)
end)

describe("the headers of a request", function()
  before_each(setup)
  after_each(teardown)

  it("have the content type application/grpc or application/grpc+proto", function()
    for _, content_type in ipairs { "application/grpc", "application/grpc+proto" } do
      local answer = answer_to { changes = { ["content-type"] = content_type } }
      assert_status(OK, "", answer)
      assert.equal("application/grpc", answer.headers["content-type"])
    end
  end)

  it("have any authority", function()
    local authorities = {
      "localhost", "localhost:80", "%2Frun%2Fcsi%2Fcsi.sock", "/run/csi/csi.sock", "unix:///run/csi.sock",
      "",
    }
    for _, authority in ipairs(authorities) do
      assert_status(OK, "", answer_to { changes = { [":authority"] = authority } })
    end
  end)

  it("name a method or service that does not exist", function()
    local unknown = {
      "/csi.v1.Identity/NoSuchMethod", "/csi.v1.NoSuchService/Probe", "/csi.v0.Identity/Probe",
      "/csi.v1.Identity/probe", "/csi.v1.Identity/Probe/", "/csi.v1.Identity/", "/", "//", "x", "",
    }
    for _, path in ipairs(unknown) do
      assert_status(UNIMPLEMENTED, "unknown method " .. path, answer_to { path = path })
    end
    local long = "/" .. ("x"):rep(5000)
    assert_status(UNIMPLEMENTED, "unknown method " .. long:sub(1, 100), answer_to { path = long })
  end)

  it("name unknown methods many times at once", function()
    local connection = http2.start(server.socket)
    for stream = 1, 99, 2 do
      connection:headers(stream, http2.request_headers("/a/b"), true)
    end
    for stream = 1, 99, 2 do
      assert_status(UNIMPLEMENTED, "unknown method /a/b", assert(connection:answer(stream)))
    end
    connection:close()
  end)

  it("lack what gRPC wants, or hold it in a wrong form: the connection lasts", function()
    local connection = http2.start(server.socket)
    local changes = {
      { te = false }, { [":method"] = "GET" }, { [":path"] = false }, { [":authority"] = false },
      { [":scheme"] = "ftp" }, { ["content-type"] = "text/plain" }, { ["content-type"] = false },
    }
    for i, change in ipairs(changes) do
      connection:headers(2 * i - 1, http2.request_headers(INFO, change), true)
      assert(assert(connection:answer(2 * i - 1)).status ~= OK)
    end
    assert_status(OK, "", connection:call(2 * #changes + 1, INFO, ""))
    connection:close()
  end)

  it("bring much metadata", function()
    local more = {}
    for i = 1, 50 do
      more[i] = { "x-key-" .. i, ("v"):rep(100) }
    end
    assert_status(OK, "", answer_to { more = more })
  end)
end)

describe("the deadline of a request", function()
  before_each(setup)
  after_each(teardown)

  local function answer_within(path, timeout)
    return answer_to { path = path, more = { { "grpc-timeout", timeout } } }
  end

  it("has passed when it comes", function()
    assert.equal(DEADLINE_EXCEEDED, answer_within(INFO, "0S").status)
  end)

  it("passes while the handler runs", function()
    for _, timeout in ipairs { "1n", "1u", "1m" } do
      assert.equal(DEADLINE_EXCEEDED, answer_within(PROBE, timeout).status, timeout)
    end
  end)

  it("is far away", function()
    for _, timeout in ipairs { "10S", "99999999H" } do
      assert_status(OK, "", answer_within(PROBE, timeout))
    end
  end)

  it("passes for many calls that wait for one handler", function()
    local connection = http2.start(server.socket)
    for stream = 1, 79, 2 do
      connection:headers(stream, http2.request_headers(PROBE, nil, { { "grpc-timeout", "50m" } }))
      connection:data(stream, http2.message(""), true)
    end
    local count = { [OK] = 0, [DEADLINE_EXCEEDED] = 0 }
    for stream = 1, 79, 2 do
      local status = assert(connection:answer(stream)).status
      count[status] = count[status] + 1
    end
    assert(count[DEADLINE_EXCEEDED] > 20, "of 40 calls of 20 ms each, few fit into 50 ms")
    connection:close()
  end)
end)

describe("an answer", function()
  before_each(setup)
  after_each(teardown)

  it("that is empty has its five bytes", function()
    local answer = answer_to { path = PROBE }
    assert.same({ OK, "\0\0\0\0\0" }, { answer.status, answer.data })
  end)

  it("is not compressed, even if the client could read it", function()
    local answer = answer_to { more = { { "grpc-accept-encoding", "identity,deflate,gzip" } } }
    assert_status(OK, "", answer)
    assert.equal("\0", answer.data:sub(1, 1))
    assert.equal("identity", answer.headers["grpc-encoding"] or "identity")
  end)

  it("that is an error has no message, one status, and no details", function()
    local answer = answer_to { path = "/csi.v1.Controller/DeleteVolume" }
    assert_status(UNIMPLEMENTED, "the script has no handler for this method", answer)
    assert.equal("200", answer.headers[":status"])
    assert.equal("", answer.data)
    assert.is_nil(answer.trailers["grpc-status-details-bin"])
  end)
end)
