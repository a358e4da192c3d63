-- csi.fault: what a client sees of each fault, on the wire.

local faults = require "spec.support.faults"
local host = require "spec.support.host"
local http2 = require "spec.support.http2"
local protobuf = require "spec.support.protobuf"
local uv = require "luv"

local ask, serve = faults.ask, faults.serve

-- What grpc.health.v1 says, for which the host asks Probe by itself.
local function assert_health(expected, entries, options)
  local client = http2.start(serve(entries, options).socket)
  local answer = client:call(1, "/grpc.health.v1.Health/Check", "")
  client:close()
  assert.same({ 0, expected == "SERVING" and "\8\1" or "\8\2" }, { answer.status, answer.messages[1] })
end

describe("fault.hang", function()
  after_each(host.teardown)

  it("goes beyond --handler-timeout, until the caller's deadline", function()
    local server = serve("CreateVolume = fault.hang()", { flags = { "--handler-timeout", "50ms" } })
    local before = uv.hrtime()
    assert.matches("^DEADLINE_EXCEEDED", ask(server:connect(), "CreateVolume", {}, { timeout = 0.5 }))
    assert.is_true(uv.hrtime() - before >= 0.5e9)
    assert.is_nil(server:log():find("Handler stopped", 1, true))
  end)

  it("ends when the caller goes away, and holds up nobody", function()
    local server = serve "CreateVolume = fault.hang()"
    local caller = http2.start(server.socket)
    caller:headers(1, http2.request_headers("/csi.v1.Controller/CreateVolume"))
    caller:data(1, http2.message(""), true)
    assert.equal("fault.example.com", server:connect():call("GetPluginInfo").name)
    assert.is_nil(server:log():find("Call failed", 1, true))
    caller:close()
    assert.matches("CANCELLED", server:wait_log '"Call failed"[^\n]*')
  end)

  it("does not keep the server from stopping", function()
    local server = serve("CreateVolume = fault.hang()", { flags = { "--grace", "50ms" } })
    local caller = host.start {
      "call", "CreateVolume", "{}", "--timeout", "0", "--endpoint", server.endpoint,
    }
    faults.wait_for_a_waiting_call(server)
    server:stop()
    assert.equal(1, caller:wait())
    caller.done = true
  end)

  it("has the time of a handler where the host asks by itself", function()
    assert_health("NOT_SERVING", "Probe = fault.hang()", { flags = { "--handler-timeout", "50ms" } })
  end)
end)

describe("fault.drop", function()
  after_each(host.teardown)

  it("cuts the connection: the client sees UNAVAILABLE, and the next call goes well", function()
    local server = serve("CreateVolume = fault.sequence { fault.drop(), v 'v' }")
    local client = server:connect()
    assert.matches("^UNAVAILABLE: ", ask(client))
    assert.equal("v", ask(server:connect()))
    server:wait_log 'code="UNAVAILABLE" message="the connection is cut, as the script says"'
  end)

  it("sends nothing of an answer, and ends what else is under way on the connection", function()
    local server = serve "CreateVolume = fault.drop(), DeleteVolume = fault.hang()"
    local other, client = http2.start(server.socket), http2.start(server.socket)
    for stream, connection in pairs { [1] = client, [3] = other } do
      connection:headers(stream, http2.request_headers("/csi.v1.Controller/DeleteVolume"))
      connection:data(stream, http2.message(""), true)
    end
    client:headers(3, http2.request_headers("/csi.v1.Controller/CreateVolume"))
    client:data(3, http2.message(""), true)
    assert.same({ nil, "closed" }, { client:answer(3) })
    assert.is_nil(client:stream_of(3).headers)
    assert.is_nil(client:stream_of(1).ended)
    server:wait_log 'DeleteVolume"[^\n]*code="CANCELLED"'
    assert.is_nil(other.closed)
    other:close()
    client:close()
  end)

  it("can be what a handler returns", function()
    local server = serve "CreateVolume = function(request) return fault.drop() end"
    assert.matches("^UNAVAILABLE: ", ask(server:connect()))
  end)
end)

describe("fault.vanish", function()
  after_each(host.teardown)

  it("takes the socket away with all connections, and brings it back", function()
    local server = serve("DeleteVolume = fault.vanish(0.2), CreateVolume = fault.hang()")
    local other = http2.start(server.socket)
    other:headers(1, http2.request_headers("/csi.v1.Controller/CreateVolume"))
    other:data(1, http2.message(""), true)
    assert.matches("^UNAVAILABLE: ", ask(server:connect(), "DeleteVolume"))
    assert.same({ nil, "closed" }, { other:answer(1) })
    other:close()
    server:wait_log '"Socket vanishes, as the script says" ms=200\n.*"Socket is back"'
    assert.equal("fault.example.com", server:connect():call("GetPluginInfo").name)
  end)

  it("leaves no file behind while it is away, nor when the server is stopped then", function()
    local server = serve "DeleteVolume = fault.vanish(1000)"
    assert.matches("^UNAVAILABLE: ", ask(server:connect(), "DeleteVolume"))
    assert.same({}, host.files_in(server.run_dir))
    assert.is_false(host.listens(server.endpoint))
    server:stop()
  end)

  it("comes back with the mode of the socket", function()
    local server = serve("DeleteVolume = fault.vanish(0)", { flags = { "--socket-mode", "0660" } })
    ask(server:connect(), "DeleteVolume")
    server:wait_log '"Socket is back"'
    assert.equal(432, assert(uv.fs_stat(server.socket)).mode & 511) -- 0660
  end)

  it("is tried again until the socket can be back", function()
    local server = serve "DeleteVolume = fault.vanish(0)"
    local client = server:connect()
    assert.equal("fault.example.com", client:call("GetPluginInfo").name)
    assert(uv.fs_rename(server.run_dir, server.dir .. "/elsewhere"))
    assert.matches("^UNAVAILABLE: ", ask(client, "DeleteVolume"))
    assert.matches("does not exist", server:wait_log '"Socket is not back[^\n]*')
    assert(uv.fs_rename(server.dir .. "/elsewhere", server.run_dir))
    server:wait_log '"Socket is back"'
    assert.equal("fault.example.com", server:connect():call("GetPluginInfo").name)
  end)

  it("does the same with a TCP port", function()
    local endpoint = "tcp://127.0.0.1:" .. host.free_port()
    local server = serve("DeleteVolume = fault.vanish(0.1)", { endpoint = endpoint })
    local other = server:connect()
    assert.equal("fault.example.com", other:call("GetPluginInfo").name)
    assert.matches("^UNAVAILABLE: ", ask(server:connect(), "DeleteVolume"))
    server:wait_log '"Socket is back"'
    assert.equal("fault.example.com", server:connect():call("GetPluginInfo").name)
  end)
end)

describe("a Probe that the host asks by itself", function()
  after_each(host.teardown)

  it("waits and passes as for a caller", function()
    assert_health("SERVING", [[Probe = fault.delay(0.02, function()
      csi.sleep(0.01)
      return { ready = true }
    end)]])
    assert_health("SERVING", "Probe = fault.pass")
    assert_health("NOT_SERVING", "Probe = fault.fail('ABORTED', 'x')")
  end)

  it("cuts no connection", function()
    assert_health("NOT_SERVING", "Probe = fault.drop()")
    assert_health("NOT_SERVING", "Probe = fault.vanish(1000)")
  end)
end)

describe("fault.unchecked", function()
  after_each(host.teardown)

  it("sends a reply that breaks the rules of CSI", function()
    local client = serve [[
      NodeGetInfo = fault.unchecked { node_id = ("x"):rep(500) },
      CreateVolume = function() return fault.unchecked {} end,
    ]]:connect()
    assert.equal(500, #client:call("NodeGetInfo").node_id)
    assert.equal("ok", ask(client))
  end)

  it("must convert all the same", function()
    assert.equal("INTERNAL: CreateVolumeResponse.volume: expected table, got number 1",
      ask(serve("CreateVolume = function() return fault.unchecked { volume = 1 } end"):connect()))
  end)
end)

describe("fault.raw", function()
  after_each(host.teardown)

  it("sends the bytes as they are", function()
    local server = serve([[DeleteVolume = fault.raw "\255\0\1", DeleteSnapshot = fault.raw ""]])
    local client = http2.start(server.socket)
    local answer = client:call(1, "/csi.v1.Controller/DeleteVolume", "")
    assert.same({ 0, { "\255\0\1" } }, { answer.status, answer.messages })
    assert.same({ "" }, client:call(3, "/csi.v1.Controller/DeleteSnapshot", "").messages)
    client:close()
    assert.equal("INTERNAL: DeleteVolumeResponse: not in the wire format of protobuf",
      ask(server:connect(), "DeleteVolume"))
  end)
end)

describe("fault.details", function()
  after_each(host.teardown)

  local function base64_decode(text)
    local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    local bits = text:gsub("=", ""):gsub(".", function(letter)
      local value, binary = alphabet:find(letter, 1, true) - 1, ""
      for i = 5, 0, -1 do
        binary = binary .. (value >> i & 1)
      end
      return binary
    end)
    return (bits:sub(1, #bits // 8 * 8):gsub("%d%d%d%d%d%d%d%d", function(byte)
      return string.char(tonumber(byte, 2))
    end))
  end

  it("sends a google.rpc.Status beside the status", function()
    local server = serve([[CreateVolume = fault.details("ABORTED", "busy",
      { type_url = "example.com/A", value = "\1\2" },
      { type_url = "example.com/B", value = ("x"):rep(200) })]])
    local client = http2.start(server.socket)
    local answer = client:call(1, "/csi.v1.Controller/CreateVolume", "")
    client:close()
    assert.same({ 10, "busy" }, { answer.status, answer.message })
    local function any(type_url, value)
      return protobuf.field(1, type_url) .. protobuf.field(2, value)
    end
    assert.equal(protobuf.field(1, 10) .. protobuf.field(2, "busy")
      .. protobuf.field(3, any("example.com/A", "\1\2"))
      .. protobuf.field(3, any("example.com/B", ("x"):rep(200))),
      base64_decode(answer.trailers["grpc-status-details-bin"]))
  end)

  it("is there for one call, and for that alone", function()
    local server = serve([[CreateVolume = fault.sequence {
      fault.details("ABORTED", "busy"), fault.fail("ABORTED", "busy"), fault.details(10, "busy") }]])
    local client = http2.start(server.socket)
    local seen = {}
    for i = 1, 3 do
      local answer = client:call(2 * i - 1, "/csi.v1.Controller/CreateVolume", "")
      seen[i] = answer.trailers["grpc-status-details-bin"] ~= nil
    end
    client:close()
    assert.same({ true, false, true }, seen)
  end)
end)

