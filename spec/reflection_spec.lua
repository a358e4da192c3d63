-- gRPC reflection: what a tool gets that has no proto file, in v1 and v1alpha, and what comes of
-- questions that are none.

local host = require "spec.support.host"
local http2 = require "spec.support.http2"
local luacsi = require "luacsi"
local process = require "spec.support.process"
local protobuf = require "spec.support.protobuf"
local uv = require "luv"
local wire = require "spec.support.wire"

local OK, INVALID_ARGUMENT, NOT_FOUND, RESOURCE_EXHAUSTED, UNIMPLEMENTED, UNAVAILABLE = 0, 3, 5, 8, 12, 14

local V1 = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
local V1ALPHA = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"

-- ServerReflectionRequest and ServerReflectionResponse, by field number.
local ASK = { host = 1, file = 3, symbol = 4, extension = 5, extensions_of = 6, services = 7 }
local ANSWER = { host = 1, request = 2, files = 4, extensions = 5, services = 6, error = 7 }

local server, connection, stream

local function setup()
  server = wire.serve()
  connection = http2.start(server.socket)
  stream = -1
end

local function teardown()
  connection:close()
  wire.teardown(server)
end

-- A new stream; more: further headers.
local function open(path, more)
  stream = stream + 2
  connection:headers(stream, http2.request_headers(path or V1, nil, more))
  return stream
end

local function send(number, message)
  connection:data(number, http2.message(message))
end

-- The answer to one request in a stream of its own.
local function ask(field, value, path)
  local number = open(path)
  send(number, protobuf.field(field, value))
  local message = assert(connection:message(number))
  connection:data(number, "", true)
  assert.equal(OK, assert(connection:answer(number)).status)
  return protobuf.read(message)
end

-- name -> serialized FileDescriptorProto, from the descriptor set that the build made.
local function embedded_files()
  local files = {}
  for _, bytes in ipairs(protobuf.read(process.read_file("build/gen/csi.desc"))[1]) do
    files[protobuf.read(bytes)[1][1]] = bytes
  end
  return files
end

-- The names of the files in an answer, in order; each is as the build made it.
local function names_of_files(answer)
  local embedded = embedded_files()
  local names = {}
  for _, bytes in ipairs(protobuf.read(assert(answer[ANSWER.files][1], "no files"))[1]) do
    local name = protobuf.read(bytes)[1][1]
    assert(bytes == embedded[name], name .. " is not as it was embedded")
    names[#names + 1] = name
  end
  return names
end

local function error_of(answer)
  local fault = protobuf.read(assert(answer[ANSWER.error][1], "no error"))
  return fault[1][1], fault[2][1]
end

describe("reflection", function()
  before_each(setup)
  after_each(teardown)

  for version, path in pairs { v1 = V1, v1alpha = V1ALPHA } do
    it("lists the services: " .. version, function()
      local names = {}
      for _, service in ipairs(protobuf.read(ask(ASK.services, "", path)[ANSWER.services][1])[1]) do
        names[#names + 1] = protobuf.read(service)[1][1]
      end
      table.sort(names)
      assert.same({
        "csi.v1.Controller", "csi.v1.GroupController", "csi.v1.Identity", "csi.v1.Node",
        "csi.v1.SnapshotMetadata", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection", "luacsi.v1.Host",
      }, names)
    end)

    it("has each service and each method of CSI: " .. version, function()
      for _, method in ipairs(luacsi.methods()) do
        local name = method.service .. "." .. method.name
        assert.equal("csi.proto", names_of_files(ask(ASK.symbol, name, path))[1])
        assert.equal("csi.proto", names_of_files(ask(ASK.symbol, method.service, path))[1])
      end
    end)
  end

  it("gives a file and all that it imports, the file first", function()
    local names = names_of_files(ask(ASK.file, "csi.proto"))
    assert.equal("csi.proto", table.remove(names, 1))
    table.sort(names)
    assert.same({
      "google/protobuf/descriptor.proto", "google/protobuf/timestamp.proto", "google/protobuf/wrappers.proto",
    }, names)
    assert.same({ "health.proto" }, names_of_files(ask(ASK.file, "health.proto")))
    assert.same({ "luacsi.proto", "google/protobuf/timestamp.proto" },
      names_of_files(ask(ASK.file, "luacsi.proto")))
  end)

  local declared = {
    ["a message"] = { "csi.v1.ProbeResponse", "csi.proto" },
    ["a message in a message"] = { "csi.v1.PluginCapability.Service", "csi.proto" },
    ["the entry of a map"] = { "csi.v1.GetPluginInfoResponse.ManifestEntry", "csi.proto" },
    ["an enum in a message"] = { "csi.v1.PluginCapability.Service.Type", "csi.proto" },
    ["a value of an enum, which stands beside it"] =
      { "csi.v1.PluginCapability.Service.CONTROLLER_SERVICE", "csi.proto" },
    ["a field"] = { "csi.v1.GetPluginInfoResponse.vendor_version", "csi.proto" },
    ["a oneof"] = { "csi.v1.PluginCapability.type", "csi.proto" },
    ["an extension"] = { "csi.v1.csi_secret", "csi.proto" },
    ["a message of protobuf's own"] = { "google.protobuf.BoolValue", "google/protobuf/wrappers.proto" },
    ["a service of another file"] = { "grpc.health.v1.Health", "health.proto" },
    ["itself"] = { "grpc.reflection.v1.ServerReflectionRequest.list_services", "reflection.proto" },
    ["its older self"] = { "grpc.reflection.v1alpha.ErrorResponse", "reflection_v1alpha.proto" },
  }
  for what, pair in pairs(declared) do
    it("finds " .. what, function()
      assert.equal(pair[2], names_of_files(ask(ASK.symbol, pair[1]))[1])
    end)
  end

  it("does not find what is not there", function()
    for _, symbol in ipairs {
      "", ".", "csi", "csi.v1", "csi.v1.", "csi.v1..", ".csi.v1.Identity", "csi.v1.Identity.", "csi.v1.Iden",
      "csi.v1.Identity2", "csi.v1.Identity.Nope", "csi.v1.Identity.Probe.x", "csi.v2.Identity", "Identity",
      "csi.v1.PluginCapability.Service.Type.CONTROLLER_SERVICE", "csi/v1/Identity", ("x."):rep(5000),
    } do
      assert.same({ NOT_FOUND, "no such symbol" }, { error_of(ask(ASK.symbol, symbol)) })
    end
    for _, file in ipairs { "", "csi", "csi.proto2", "./csi.proto", "/etc/passwd" } do
      assert.same({ NOT_FOUND, "no such file" }, { error_of(ask(ASK.file, file)) })
    end
  end)

  local function extension(type, number)
    return protobuf.field(1, type) .. protobuf.field(2, number)
  end

  it("finds the options that CSI gives to fields", function()
    local answer = ask(ASK.extension, extension("google.protobuf.FieldOptions", 1059)) -- csi_secret
    assert.equal("csi.proto", names_of_files(answer)[1])
    answer = ask(ASK.extensions_of, "google.protobuf.FieldOptions")
    local numbers = protobuf.read(answer[ANSWER.extensions][1])
    assert.same({ "google.protobuf.FieldOptions" }, numbers[1])
    assert.same({ "\xa3\x08\xa4\x08" }, numbers[2]) -- packed: 1059, 1060
  end)

  it("knows messages that nobody extends, and none that do not exist", function()
    local answer = ask(ASK.extensions_of, "csi.v1.ProbeRequest")
    assert.same({}, protobuf.read(answer[ANSWER.extensions][1])[2])
    assert.same({ NOT_FOUND, "no such message" }, { error_of(ask(ASK.extensions_of, "csi.v1.Nope")) })
    for _, pair in ipairs {
      { "google.protobuf.FieldOptions", 1 }, { "google.protobuf.FieldOptions", -1 }, { "csi.v1.Nope", 1059 },
      { "", 1059 }, { "ogle.protobuf.FieldOptions", 1059 },
    } do
      local fault = { error_of(ask(ASK.extension, extension(pair[1], pair[2]))) }
      assert.same({ NOT_FOUND, "no such extension" }, fault)
    end
  end)

  it("gives back the request and its host", function()
    local number = open()
    local request = protobuf.field(ASK.host, "a.host") .. protobuf.field(ASK.file, "ö.proto")
    send(number, request)
    local answer = protobuf.read(connection:message(number))
    assert.same({ { "a.host" }, { request } }, { answer[ANSWER.host], answer[ANSWER.request] })
  end)

  it("answers many questions in one stream, in order", function()
    local number = open()
    for i = 1, 100 do
      send(number, protobuf.field(ASK.file, i % 2 == 0 and "csi.proto" or "nope" .. i))
    end
    connection:data(number, "", true)
    for i = 1, 100 do
      local answer = protobuf.read(assert(connection:message(number)))
      local expected = i % 2 == 0 and "csi.proto" or "nope" .. i
      assert.same({ protobuf.field(ASK.file, expected) }, answer[ANSWER.request])
    end
    assert.is_nil(connection:message(number))
    assert.equal(OK, connection:answer(number).status)
  end)

  it("is content with a stream in which nothing is asked", function()
    local number = open()
    connection:data(number, "", true)
    assert.equal(OK, connection:answer(number).status)
  end)
end)

describe("reflection asked in a wrong way", function()
  before_each(setup)
  after_each(teardown)

  local function assert_refused(status, message, bytes, more)
    local number = open(V1, more)
    for at = 1, #bytes, 16384 do -- SETTINGS_MAX_FRAME_SIZE
      connection:data(number, bytes:sub(at, at + 16383))
    end
    local answer = assert(connection:answer(number))
    assert.same({ status, message, "" }, { answer.status, answer.message, answer.data })
  end

  local GARBAGE = "expected a ServerReflectionRequest, got garbage"
  local garbage = {
    ["no message"] = "\xff",
    ["cut off inside"] = "\x22\x7fx",
    ["a group"] = "\x0b",
    ["a name that is no UTF-8"] = protobuf.field(ASK.symbol, "csi.\xff"),
    ["a host that is no UTF-8"] = protobuf.field(ASK.host, "\xc0\x80") .. protobuf.field(ASK.services, ""),
    ["a type that is no UTF-8"] = protobuf.field(ASK.extension, protobuf.field(1, "\xed\xa0\x80")),
    ["messages in messages in messages"] = (function()
      local bytes = ""
      while #bytes < 16000 do
        bytes = protobuf.field(ASK.extension, bytes)
      end
      return bytes
    end)(),
  }
  for what, bytes in pairs(garbage) do
    it("ends with INVALID_ARGUMENT: " .. what, function()
      assert_refused(INVALID_ARGUMENT, GARBAGE, http2.message(bytes))
    end)
  end

  it("ends with INVALID_ARGUMENT: no question", function()
    for _, bytes in ipairs { "", protobuf.field(ASK.host, "x"), protobuf.field(99, "x") } do
      assert_refused(INVALID_ARGUMENT, "expected one question in the request, got none", http2.message(bytes))
    end
  end)

  it("ends with RESOURCE_EXHAUSTED: a message that is too large", function()
    local bytes = protobuf.field(ASK.symbol, ("x"):rep(20000))
    assert_refused(RESOURCE_EXHAUSTED, "expected a request of at most 16384 bytes, got " .. #bytes,
      http2.message(bytes))
  end)

  it("ends with UNIMPLEMENTED: a compressed message", function()
    assert_refused(UNIMPLEMENTED, "Compression algorithm 'gzip' is disabled.", http2.message("x", true),
      { { "grpc-encoding", "gzip" } })
  end)

  it("ends without an answer: a message that is cut off", function()
    for _, bytes in ipairs { "\0", "\0\0\0\0\8", "\0\0\0\0\8abc" } do
      local number = open()
      connection:data(number, bytes, true)
      local answer = assert(connection:answer(number)) -- gRPC core tells nothing but that there is no more
      assert.same({ OK, "", "" }, { answer.status, answer.message, answer.data })
    end
  end)

  it("does not end what other streams ask", function()
    local good, bad = open(), open()
    send(bad, "\xff")
    assert.equal(INVALID_ARGUMENT, connection:answer(bad).status)
    send(good, protobuf.field(ASK.services, ""))
    assert.is_string(connection:message(good))
  end)
end)

describe("streams of reflection", function()
  before_each(setup)
  after_each(teardown)

  it("are limited in number", function()
    local opened = {}
    for i = 1, 16 do
      opened[i] = open()
      send(opened[i], protobuf.field(ASK.services, ""))
      assert.is_string(connection:message(opened[i]))
    end
    local answer = assert(connection:answer(open()))
    assert.same({ RESOURCE_EXHAUSTED, "too many streams of this method are open" },
      { answer.status, answer.message })
    local alpha = open(V1ALPHA) -- which counts by itself
    send(alpha, protobuf.field(ASK.services, ""))
    assert.is_string(connection:message(alpha))
    connection:data(opened[1], "", true)
    connection:answer(opened[1])
    local number = open()
    send(number, protobuf.field(ASK.services, ""))
    assert.is_string(connection:message(number))
  end)

  it("that are reset leave room for others", function()
    for i = 1, 100 do
      local number = open()
      if i % 3 > 0 then
        send(number, protobuf.field(ASK.file, "csi.proto"))
      end
      if i % 3 > 1 then
        connection:message(number)
      end
      connection:reset(number)
    end
    assert.equal("csi.proto", names_of_files(ask(ASK.file, "csi.proto"))[1])
  end)

  it("end when the client goes, in whatever state they are", function()
    for i = 1, 20 do
      local other = http2.start(server.socket)
      other:headers(1, http2.request_headers(V1))
      for _ = 1, i do
        other:data(1, http2.message(protobuf.field(ASK.file, "csi.proto")))
      end
      other:close()
    end
    assert.equal("csi.proto", names_of_files(ask(ASK.file, "csi.proto"))[1])
  end)

  it("keep to the caller's deadline", function()
    connection:headers(1, http2.request_headers(V1, nil, { { "grpc-timeout", "50m" } }))
    local answer = assert(connection:answer(1))
    assert.equal(4, answer.status or 4) -- DEADLINE_EXCEEDED, or a reset
  end)
end)

describe("a shutdown", function()
  local other

  before_each(function()
    server = host.serve { flags = { "--grace", "60s" } }
    other = http2.connect(server.socket)
  end)

  after_each(function()
    other:close()
    host.teardown()
  end)

  local function assert_ends_at_once()
    local start = uv.hrtime()
    server:signal("sigterm")
    assert.equal(0, server.process:wait())
    assert((uv.hrtime() - start) / 1e9 < 20, "the shutdown waited for a stream")
  end

  it("tells open streams, and does not wait for them", function()
    other:shake_hands()
    for number = 1, 5, 2 do
      other:headers(number, http2.request_headers(number == 1 and V1 or V1ALPHA))
    end
    other:data(5, http2.message(protobuf.field(ASK.services, "")))
    assert.is_string(other:message(5))
    assert_ends_at_once()
    for number = 1, 5, 2 do
      local answer = assert(other:answer(number))
      assert.same({ UNAVAILABLE, "the server stops" }, { answer.status, answer.message })
    end
  end)

  it("does not wait for streams that nobody reads", function()
    other:write(http2.PREFACE)
    other:frame("SETTINGS", 0, 0, string.pack(">I2I4", 4, 0)) -- SETTINGS_INITIAL_WINDOW_SIZE
    for number = 1, 3, 2 do
      other:headers(number, http2.request_headers(V1))
      for _ = 1, 10 do
        other:data(number, http2.message(protobuf.field(ASK.file, "csi.proto")))
      end
    end
    other:data(3, "", true)
    repeat
      local frame = assert(other:read_frame())
    until frame.type == "HEADERS" and frame.stream == 3
    assert_ends_at_once()
  end)
end)

describe("reflection by a tool", function()
  after_each(host.teardown)

  it("costs a script nothing: it is not asked", function()
    local quiet = host.serve { script = [[
      return {
        GetPluginInfo = function() error "asked" end,
        Probe = function() error "asked" end,
      }]] }
    local other = http2.start(quiet.socket)
    other:headers(1, http2.request_headers(V1))
    other:data(1, http2.message(protobuf.field(ASK.services, "")), true)
    assert.equal(OK, other:answer(1).status)
    other:close()
    assert.is_nil(quiet:log():find("asked", 1, true))
  end)
end)
