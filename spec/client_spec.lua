-- luacsi.so, the client for plain Lua: calls, failures as values, misuse as errors, nothing left behind.

local uv = require "luv"
local host = require "spec.support.host"
local luacsi = require "luacsi"

local DRIVER = [[
  local csi = require "csi"
  return {
    GetPluginInfo = function(request, context)
      return { name = "client.example.com", vendor_version = "1", manifest = context.metadata }
    end,
    Probe = function()
      local start = csi.now()
      while csi.now() - start < 0.1 do end
      return {}
    end,
    CreateVolume = function(request)
      return { volume = { volume_id = request.name, capacity_bytes = request.capacity_range.limit_bytes } }
    end,
    DeleteVolume = function() csi.fail("NOT_FOUND", "no such volume") end,
    NodeGetInfo = { node_id = "n" },
  }
]]

-- All results of a call, and how many they are.
local function results(...)
  return { n = select("#", ...), ... }
end

local function failure(code, message)
  return { n = 3, nil, code, message }
end

describe("a connection", function()
  after_each(host.teardown)

  local server, connection

  before_each(function()
    server = host.serve { script = DRIVER }
    connection = server:connect()
  end)

  it("calls a method by its name or its path", function()
    for _, name in ipairs { "NodeGetInfo", "csi.v1.Node/NodeGetInfo", "/csi.v1.Node/NodeGetInfo" } do
      local answer = results(connection:call(name))
      assert.same({ 1, "n" }, { answer.n, answer[1].node_id })
    end
  end)

  it("takes a request and gives a reply, both as tables", function()
    local reply = connection:call("CreateVolume", {
      name = "v", capacity_range = { limit_bytes = math.maxinteger },
    })
    assert.same({ "v", math.maxinteger }, { reply.volume.volume_id, reply.volume.capacity_bytes })
  end)

  it("gives nil, the status and its message when the call fails", function()
    assert.same(failure("NOT_FOUND", "no such volume"), results(connection:call("DeleteVolume", {})))
    assert.same(failure("UNIMPLEMENTED", "the script has no handler for this method"),
      results(connection:call("ListVolumes")))
  end)

  it("sends metadata, also binary", function()
    local reply = connection:call("GetPluginInfo", nil, { metadata = { a = "1", ["b-bin"] = "text" } })
    assert.same({ "1", "text" }, { reply.manifest.a, reply.manifest["b-bin"] })
    assert.equal("luacsi/" .. luacsi.version, reply.manifest["user-agent"]:match("^%S+"))
  end)

  it("waits no longer than its timeout", function()
    local start = uv.hrtime()
    local _, code = connection:call("Probe", {}, { timeout = 0.02 })
    assert.equal("DEADLINE_EXCEEDED", code)
    assert((uv.hrtime() - start) / 1e9 < 10)
    assert.same({}, connection:call("Probe", {}, { timeout = 30 }))
  end)

  it("brings raw bytes to any path", function()
    assert.equal("\x0a\1n", connection:raw("/csi.v1.Node/NodeGetInfo", ""))
    assert.same(failure("UNIMPLEMENTED", "unknown method /a/b"), results(connection:raw("/a/b", "bytes")))
    local reply, code = connection:raw("/csi.v1.Node/NodeGetInfo", "\xff")
    assert.same({ nil, "INTERNAL" }, { reply, code })
    assert.equal("", connection:raw("/csi.v1.Identity/Probe", "", { timeout = 30, metadata = { a = "1" } }))
  end)

  it("tells a path that is none, and metadata that gRPC does not take", function()
    for _, path in ipairs { "", "no/slash", "/\n", "/\255" } do
      local reply, code = connection:raw(path, "")
      assert.same({ nil, "INVALID_ARGUMENT" }, { reply, code }, path)
    end
    local refused = {
      Upper = "x", [""] = "x", te = "x", ["grpc-status"] = "0", a = "\n", [":path"] = "/",
    }
    for key, value in pairs(refused) do
      local reply, code = connection:call("NodeGetInfo", {}, { metadata = { [key] = value } })
      assert.same({ nil, "INVALID_ARGUMENT" }, { reply, code }, key)
    end
    assert(connection:call("NodeGetInfo"))
  end)

  it("is closed once, twice, by a to-be-closed variable, and by the collector", function()
    connection:close()
    connection:close()
    do
      local closed <close> = assert(luacsi.connect(server.endpoint))
      assert(closed:call("NodeGetInfo"))
    end
    for _ = 1, 50 do
      assert(luacsi.connect(server.endpoint))
    end
    collectgarbage()
    collectgarbage()
  end)

  it("raises for what is wrong in the program", function()
    local wrong = {
      ["unknown method Prob (did you mean Probe?)"] = function() connection:call("Prob") end,
      ["unknown method Xyzzy"] = function() connection:call("Xyzzy") end,
      ["string expected"] = function() connection:call() end,
      ["CreateVolumeRequest.name: expected string, got number 1"] = function()
        connection:call("CreateVolume", { name = 1 })
      end,
      ["CreateVolumeRequest: expected table, got string \"x\""] = function()
        connection:call("CreateVolume", "x")
      end,
      ["table expected"] = function() connection:call("Probe", {}, 5) end,
      ["unknown option time"] = function() connection:call("Probe", {}, { time = 1 }) end,
      ["unknown option 1"] = function() connection:call("Probe", {}, { 1 }) end,
      ["timeout: expected seconds above 0"] = function() connection:call("Probe", {}, { timeout = 0 }) end,
      ["timeout: expected seconds"] = function() connection:call("Probe", {}, { timeout = "1" }) end,
      ["timeout: expected"] = function() connection:call("Probe", {}, { timeout = 0 / 0 }) end,
      ["timeout: expected seconds above 0, at most a year"] = function()
        connection:call("Probe", {}, { timeout = math.huge })
      end,
      ["metadata: expected table"] = function() connection:call("Probe", {}, { metadata = 1 }) end,
      ["metadata: expected strings only"] = function()
        connection:call("Probe", {}, { metadata = { a = 1 } })
      end,
      ["luacsi.connection expected"] = function() connection.call({}, "Probe") end,
      ["bad argument"] = function() connection:raw("/a/b") end,
      ["connection is closed"] = function()
        connection:close()
        connection:call("Probe")
      end,
    }
    local closing = wrong["connection is closed"]
    wrong["connection is closed"] = nil
    for text, act in pairs(wrong) do
      local ok, message = pcall(act)
      assert.is_false(ok, text)
      assert.truthy(tostring(message):find(text, 1, true), message)
    end
    assert.error_matches(closing, "connection is closed")
  end)

  it("tells when the server goes, and finds it again", function()
    assert(connection:call("NodeGetInfo"))
    server:signal("sigkill")
    server.process:wait()
    server.process.done = true
    local _, code = connection:call("NodeGetInfo")
    assert.equal("UNAVAILABLE", code)
    local message
    _, code, message = connection:call("NodeGetInfo")
    assert.same({ "UNAVAILABLE", server.endpoint .. ": Connection refused" }, { code, message })
    local again = host.serve { script = DRIVER, socket = server.socket }
    assert.equal("n", connection:call("NodeGetInfo").node_id)
    connection:close()
    again:stop()
  end)
end)

describe("luacsi.connect", function()
  after_each(host.teardown)

  it("gives nil and a message when nobody listens", function()
    local path = host.folder() .. "/csi.sock"
    assert.same({ n = 2, nil, ("unix://%s: No such file or directory"):format(path) },
      results(luacsi.connect(path)))
    local endpoint = "tcp://127.0.0.1:" .. host.free_port()
    assert.same({ n = 2, nil, endpoint .. ": Connection refused" }, results(luacsi.connect(endpoint)))
  end)

  it("gives nil and a message for what is no endpoint", function()
    for _, endpoint in ipairs { "", "x", "http://x", "unix:", "tcp://1", "/" .. ("x"):rep(107) } do
      local connection, message = luacsi.connect(endpoint)
      assert.is_nil(connection)
      assert.truthy(message:find("^endpoint"), message)
    end
  end)

  it("connects by TCP, too", function()
    local server = host.serve { endpoint = "tcp://127.0.0.1:" .. host.free_port() }
    assert.same({ ready = true }, server:connect():call("Probe"))
  end)

  it("raises for what is wrong in the program", function()
    assert.error_matches(function() luacsi.connect() end, "string expected")
    assert.error_matches(function() luacsi.connect({}) end, "string expected")
    assert.error_matches(function() luacsi.connect("/x", { metadata = {} }) end, "unknown option metadata")
    assert.error_matches(function() luacsi.connect("/x", { timeout = -1 }) end, "expected seconds above 0")
  end)
end)

describe("luacsi.encode and luacsi.decode", function()
  it("hold a reply against the rules of CSI when they are asked to", function()
    local info = { name = "-a-", vendor_version = "1" }
    local function encode(mode) return luacsi.encode("GetPluginInfoResponse", info, { validate = mode }) end
    local bytes, warnings = encode "off"
    assert.same({ "\x0a\x03-a-\x12\x011", {} }, { bytes, warnings })
    bytes, warnings = encode "warn"
    assert.same({ "\x0a\x03-a-\x12\x011", 1 }, { bytes, #warnings })
    local none, message, code = encode "strict"
    assert.same({ n = 3, nil, warnings[1], "INTERNAL" }, results(none, message, code))
    info.name = nil
    assert.same({ n = 3, nil, "Driver name not configured", "UNAVAILABLE" }, results(encode "strict"))
    for _, wrong in ipairs { { validate = "hard" }, { validate = 1 }, { {} }, 5 } do
      assert.error_matches(function() luacsi.encode("ProbeResponse", {}, wrong) end, "bad argument #3")
    end
  end)

  it("are each other's inverse", function()
    local info = { name = "a.example.com", vendor_version = "1", manifest = { k = "v" } }
    local bytes = luacsi.encode("GetPluginInfoResponse", info)
    assert.equal("\x0a\x0da.example.com\x12\x011\x1a\x06\x0a\x01k\x12\x01v", bytes)
    assert.same(info, luacsi.decode("GetPluginInfoResponse", bytes))
    assert.same(info, luacsi.decode("csi.v1.GetPluginInfoResponse", bytes))
  end)

  it("give nil and a message for what does not convert", function()
    assert.same({ n = 2, nil, "ProbeResponse.ready: expected boolean, got number 1" },
      results(luacsi.encode("ProbeResponse", { ready = 1 })))
    assert.same({ n = 2, nil, "ProbeResponse: expected table, got nil" },
      results(luacsi.encode("ProbeResponse", nil)))
    local decoded, message = luacsi.decode("ProbeResponse", "\xff")
    assert.is_nil(decoded)
    assert.truthy(message:find("^ProbeResponse: not in the wire format of protobuf"), message)
  end)

  it("raise for what is wrong in the program", function()
    assert.error_matches(function() luacsi.encode("NoSuchMessage", {}) end, "unknown message NoSuchMessage")
    assert.error_matches(function() luacsi.encode("ProbeResponse") end, "value expected")
    assert.error_matches(function() luacsi.decode("ProbeResponse", {}) end, "string expected")
    assert.error_matches(function() luacsi.decode() end, "string expected")
  end)
end)

describe("luacsi's lists", function()
  it("have all methods of CSI 1.12.0", function()
    local services, streaming = {}, {}
    for _, method in ipairs(luacsi.methods()) do
      assert.equal(("/%s/%s"):format(method.service, method.name), method.path)
      services[method.service] = (services[method.service] or 0) + 1
      streaming[#streaming + 1] = method.streaming and method.name or nil
      assert.equal("table", type((luacsi.fields(method.request))))
      assert.equal("table", type((luacsi.fields(method.response))))
    end
    assert.same({
      ["csi.v1.Identity"] = 3, ["csi.v1.Controller"] = 15, ["csi.v1.GroupController"] = 4,
      ["csi.v1.SnapshotMetadata"] = 2, ["csi.v1.Node"] = 8,
    }, services)
    table.sort(streaming)
    assert.same({ "GetMetadataAllocated", "GetMetadataDelta" }, streaming)
  end)

  it("have all messages, and their fields", function()
    local names = {}
    for _, name in ipairs(luacsi.messages()) do
      names[name] = true
    end
    assert(names.GetPluginInfoRequest and names["PluginCapability.Service"])
    local fields, form = luacsi.fields("PluginCapability.Service")
    assert.equal("table", form)
    assert.same({ name = "type", number = 1, kind = "enum", repeated = false, map = false, secret = false,
      alpha = false, enum = fields[1].enum }, fields[1])
    assert.equal(1, fields[1].enum.CONTROLLER_SERVICE)
    assert.error_matches(function() luacsi.fields("NoSuchMessage") end, "unknown message")
  end)
end)

describe("luacsi.json", function()
  local json = luacsi.json

  it("keeps what it read", function()
    local text = '{"a":[],"b":{},"c":[1,2.5,"x",true,null],"d":9223372036854775807}'
    assert.equal(text, json.encode(json.decode(text)))
    assert.equal("integer", math.type(json.decode("[1]")[1]))
    assert.equal("float", math.type(json.decode("[1.0]")[1]))
    assert.equal(json.null, json.decode("[null]")[1])
  end)

  it("writes lists, and indents", function()
    assert.equal("[]", json.encode(json.array({})))
    assert.equal('{\n  "a": 1\n}', json.encode({ a = 1 }, { indent = 2 }))
  end)

  it("gives nil and a message for what is no JSON", function()
    local wrong = {
      "", "{", "[1,]", "nul", '{"a":1,"a":2}', '"\xff"', "[1] x", "NaN", ("["):rep(5000),
    }
    for _, text in ipairs(wrong) do
      local value, message = json.decode(text)
      assert.is_nil(value)
      assert.equal("string", type(message))
    end
  end)

  it("raises for what JSON has not", function()
    local cycle = {}
    cycle.cycle = cycle
    local wrong = {
      cycle, { 0 / 0 }, { math.huge }, { print }, { "\xff" }, { [1] = 1, a = 2 }, { [3] = 1 },
    }
    for _, value in ipairs(wrong) do
      assert.is_false((pcall(json.encode, value)))
    end
  end)
end)
