-- The answers of the real binary: the three of Identity in every form that a script can give them, and
-- the same way for all other methods of CSI.

local host = require "spec.support.host"
local http2 = require "spec.support.http2"
local luacsi = require "luacsi"
local messages = require "spec.support.messages"

-- A reply of each unary method that keeps the rules of CSI, with as little in it as they allow.
local REPLIES = [[
  local volume = { volume_id = "v" }
  local snapshot = { snapshot_id = "s", source_volume_id = "v", creation_time = "2024-01-02T03:04:05Z" }
  local group = { group_snapshot_id = "g", snapshots = { snapshot }, creation_time = snapshot.creation_time }
  local replies = {
    GetPluginInfo = { name = "minimal.example.com", vendor_version = "1" },
    GetPluginCapabilities = {},
    Probe = {},
    CreateVolume = { volume = volume },
    DeleteVolume = {},
    ControllerPublishVolume = {},
    ControllerUnpublishVolume = {},
    ValidateVolumeCapabilities = {},
    ListVolumes = {},
    GetCapacity = {},
    ControllerGetCapabilities = {},
    CreateSnapshot = { snapshot = snapshot },
    DeleteSnapshot = {},
    ListSnapshots = {},
    GetSnapshot = { snapshot = snapshot },
    ControllerExpandVolume = { capacity_bytes = 1 },
    ControllerGetVolume = { volume = volume, status = {} },
    ControllerModifyVolume = {},
    GroupControllerGetCapabilities = {},
    CreateVolumeGroupSnapshot = { group_snapshot = group },
    DeleteVolumeGroupSnapshot = {},
    GetVolumeGroupSnapshot = { group_snapshot = group },
    NodeStageVolume = {},
    NodeUnstageVolume = {},
    NodePublishVolume = {},
    NodeUnpublishVolume = {},
    NodeGetVolumeStats = {},
    NodeExpandVolume = {},
    NodeGetCapabilities = {},
    NodeGetInfo = { node_id = "n" },
  }
]]
local replies = load(REPLIES .. " return replies")()

-- The table as it comes out at the other end: with its defaults.
local function received(message, reply)
  return assert(luacsi.decode(message, assert(luacsi.encode(message, reply))))
end

local function assert_replies(connection, expected)
  for _, method in ipairs(messages.unary_methods()) do
    local reply, code, message = connection:call(method.name)
    assert(reply, ("%s: %s %s"):format(method.name, code, message))
    assert.same(received(method.response, expected[method.name]), reply, method.name)
  end
end

describe("Identity", function()
  after_each(host.teardown)

  local MANIFEST = { build = "7", ["a b"] = "" }
  local INFO = { name = "rbd.csi.example.com", vendor_version = "3.0.0", manifest = MANIFEST }
  local CAPABILITIES = { capabilities = {
    { service = { type = "CONTROLLER_SERVICE" } },
    { volume_expansion = { type = "ONLINE" } },
    { service = { type = "VOLUME_ACCESSIBILITY_CONSTRAINTS" } },
    { volume_expansion = { type = "OFFLINE" } },
    { service = { type = "GROUP_CONTROLLER_SERVICE" } },
  } }
  local ANSWERS = [[
    local csi = require "csi"
    local manifest = { build = "7", ["a b"] = "" }
    local info = { name = "rbd.csi.example.com", vendor_version = "3.0.0", manifest = manifest }
    local capabilities = { capabilities = {
      { service = { type = "CONTROLLER_SERVICE" } },
      { volume_expansion = { type = "ONLINE" } },
      { service = { type = "VOLUME_ACCESSIBILITY_CONSTRAINTS" } },
      { volume_expansion = { type = "OFFLINE" } },
      { service = { type = "GROUP_CONTROLLER_SERVICE" } },
    } }
    local probe = { ready = true }
  ]]

  local forms = {
    ["constants"] = [[return { GetPluginInfo = info, Probe = probe, GetPluginCapabilities = capabilities }]],
    ["handlers"] = [[return {
      GetPluginInfo = function() return info end,
      Probe = function(request, context) return probe end,
      GetPluginCapabilities = function(request) return capabilities end,
    }]],
    ["prepared replies as constants"] = [[return {
      GetPluginInfo = csi.reply("GetPluginInfo", info),
      Probe = csi.reply("Probe", probe),
      GetPluginCapabilities = csi.reply("GetPluginCapabilities", capabilities),
    }]],
    ["prepared replies from handlers"] = [[
      local ready = csi.reply("Probe", probe)
      return {
        GetPluginInfo = function() return csi.reply("GetPluginInfo", info) end,
        Probe = function() return ready end,
        GetPluginCapabilities = function() return csi.reply("GetPluginCapabilities", capabilities) end,
      }]],
  }
  for form, text in pairs(forms) do
    it("is answered by " .. form, function()
      local connection = host.serve { script = ANSWERS .. text }:connect()
      for _ = 1, 3 do
        assert.same(INFO, connection:call("GetPluginInfo"))
        assert.same({ ready = true }, connection:call("Probe"))
        assert.same(CAPABILITIES, connection:call("GetPluginCapabilities"))
      end
    end)
  end

  it("tells ready = false, ready = true and no ready apart", function()
    local connection = host.serve { script = [[
      local calls, answers = 0, { { ready = false }, { ready = true }, {} }
      return { Probe = function()
        calls = calls + 1
        return answers[calls]
      end }
    ]] }:connect()
    assert.same({ ready = false }, connection:call("Probe"))
    assert.same({ ready = true }, connection:call("Probe"))
    assert.same({}, connection:call("Probe"))
  end)

  it("is answered without a script", function()
    local connection = host.serve {}:connect()
    assert.same({ name = "luacsi.example.com", vendor_version = luacsi.version, manifest = {} },
      connection:call("GetPluginInfo"))
    assert.same({ ready = true }, connection:call("Probe"))
    assert.same({ capabilities = {} }, connection:call("GetPluginCapabilities"))
  end)

  it("is answered without a script as --set has it", function()
    local connection = host.serve {
      flags = { "--set", "name=mine.example.com", "--set", "version=v9" },
    }:connect()
    assert.same({ name = "mine.example.com", vendor_version = "v9", manifest = {} },
      connection:call("GetPluginInfo"))
  end)

  it("answers many calls on one connection, and state of the script lasts", function()
    local connection = host.serve { script = [[
      local calls = 0
      return { GetPluginInfo = function()
        calls = calls + 1
        return { name = "count.example.com", vendor_version = tostring(calls) }
      end }
    ]] }:connect()
    for i = 1, 500 do
      assert.equal(tostring(i), connection:call("GetPluginInfo").vendor_version)
    end
  end)

  it("answers on a new connection for each call", function()
    local server = host.serve { file = "examples/hello.lua" }
    for _ = 1, 100 do
      local connection <close> = assert(luacsi.connect(server.endpoint))
      assert.same({ ready = true }, connection:call("Probe"))
    end
  end)

  it("answers 50 calls at once, to each its own", function()
    local server = host.serve { script = [[
      return { GetPluginInfo = function(request, context)
        return { name = "echo.example.com", vendor_version = context.metadata["x-stream"] }
      end }
    ]] }
    local connection = http2.start(server.socket)
    local streams = {}
    for i = 1, 50 do
      streams[i] = 2 * i - 1
      connection:headers(streams[i], http2.request_headers("/csi.v1.Identity/GetPluginInfo", nil,
        { { "x-stream", tostring(streams[i]) } }))
    end
    for _, stream in ipairs(streams) do
      connection:data(stream, http2.message(""), true)
    end
    for _, stream in ipairs(streams) do
      local answer = assert(connection:answer(stream))
      assert.equal(0, answer.status)
      local info = assert(luacsi.decode("GetPluginInfoResponse", answer.messages[1]))
      assert.equal(tostring(stream), info.vendor_version)
    end
    connection:close()
  end)

  it("is answered on many connections at once", function()
    local server = host.serve { file = "examples/hello.lua" }
    local connections = {}
    for i = 1, 50 do
      connections[i] = server:connect()
    end
    for i = #connections, 1, -1 do
      assert.same({ ready = true }, connections[i]:call("Probe"))
    end
  end)
end)

describe("the other services", function()
  after_each(host.teardown)

  it("number 30 unary methods, all with a reply in this file, and two that stream", function()
    local methods = messages.unary_methods()
    assert.equal(30, #methods)
    assert.equal(32, #luacsi.methods())
    for _, method in ipairs(methods) do
      assert.table(replies[method.name], method.name)
    end
  end)

  it("are answered by constants", function()
    assert_replies(host.serve { script = REPLIES .. "return replies" }:connect(), replies)
  end)

  it("are answered by handlers, under the name of their method", function()
    local server = host.serve { script = REPLIES .. [[
      local handlers = {}
      for name, reply in pairs(replies) do
        handlers[name] = function(request, context)
          assert(context.method == name, context.method)
          return reply
        end
      end
      return handlers
    ]] }
    assert_replies(server:connect(), replies)
  end)

  it("fail with the status that the handler gives", function()
    local connection = host.serve { script = REPLIES .. [[
      local csi = require "csi"
      local handlers = {}
      for name in pairs(replies) do
        handlers[name] = function() csi.fail("ABORTED", "no " .. name) end
      end
      return handlers
    ]] }:connect()
    for _, method in ipairs(messages.unary_methods()) do
      assert.same({ nil, "ABORTED", "no " .. method.name }, { connection:call(method.name) })
    end
  end)

  it("bring requests to the handler", function()
    local connection = host.serve { script = [[
      return { CreateVolume = function(request)
        return { volume = {
          volume_id = request.name,
          capacity_bytes = request.capacity_range.required_bytes,
          volume_context = request.parameters,
        } }
      end }
    ]] }:connect()
    local reply = connection:call("CreateVolume", {
      name = "pvc-1", capacity_range = { required_bytes = 1 << 40 }, parameters = { pool = "fast" },
    })
    assert.same({ volume_id = "pvc-1", capacity_bytes = 1 << 40, volume_context = { pool = "fast" } },
      { volume_id = reply.volume.volume_id, capacity_bytes = reply.volume.capacity_bytes,
        volume_context = reply.volume.volume_context })
  end)

  it("have defaults: no capabilities, the node's id, else UNIMPLEMENTED", function()
    local connection = host.serve {
      script = [[return { Probe = { ready = false } }]],
      flags = { "--nodeid", "node-7" },
    }:connect()
    local default = {
      Probe = { ready = false },
      GetPluginCapabilities = {},
      ControllerGetCapabilities = {},
      GroupControllerGetCapabilities = {},
      NodeGetCapabilities = {},
      NodeGetInfo = { node_id = "node-7" },
    }
    for _, method in ipairs(messages.unary_methods()) do
      local reply, code, message = connection:call(method.name)
      if default[method.name] then
        assert.same(received(method.response, default[method.name]), reply, method.name)
      else
        assert.same({ nil, "UNIMPLEMENTED", "the script has no handler for this method" },
          { reply, code, message })
      end
    end
  end)

  it("do not stream: UNIMPLEMENTED, with a handler as without", function()
    local without = host.serve { file = "examples/hello.lua" }:connect()
    local with = host.serve { script = [[
      return {
        GetMetadataAllocated = function() return {} end,
        GetMetadataDelta = { block_metadata_type = 1 },
      }
    ]] }
    assert.truthy(with:log():find("streaming replies are not supported yet", 1, true))
    for _, connection in ipairs { without, with:connect() } do
      for _, name in ipairs { "GetMetadataAllocated", "GetMetadataDelta" } do
        assert.same({ nil, "UNIMPLEMENTED", "streaming replies are not supported yet" },
          { connection:raw("/csi.v1.SnapshotMetadata/" .. name, "") })
      end
    end
  end)
end)
