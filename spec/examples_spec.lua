-- Each file in examples/ does what its first lines say. One that has no spec, here or in
-- examples_runtime_spec.lua, fails the last one.

local host = require "spec.support.host"
local process = require "spec.support.process"
local serve_example = require("spec.support.example").serve
local wait = require "spec.support.wait"

-- Describes the example of that name; the specs get a function that serves it.
local function example(name, specs)
  describe("examples/" .. name .. ".lua", function()
    after_each(host.teardown)
    specs(function(...) return serve_example(name, ...) end)
  end)
end

example("hello", function(serve)
  it("has a name, a version, and is ready", function()
    local connection = serve():connect()
    assert.same({
      name = "hello.csi.example.com", vendor_version = "1.0.0", manifest = { greeting = "edit me and save" },
    }, connection:call("GetPluginInfo"))
    assert.same({ ready = true }, connection:call("Probe"))
    assert.same({ capabilities = { { service = { type = "CONTROLLER_SERVICE" } } } },
      connection:call("GetPluginCapabilities"))
  end)

  it("passes luacsi check without a warning", function()
    assert.same({ code = 0, stdout = "examples/hello.lua: ok\n", stderr = "" },
      host.run { "check", "examples/hello.lua" })
  end)
end)

example("ceph-rbd", function(serve)
  local NAME, VERSION = "name=rbd.csi.ceph.com", "version=v3.0.0"

  it("answers as ceph-csi v3.0.0 does", function()
    local connection = serve(NAME, VERSION):connect()
    assert.same({ name = "rbd.csi.ceph.com", vendor_version = "v3.0.0", manifest = {} },
      connection:call("GetPluginInfo"))
    assert.same({}, connection:call("Probe"))
    assert.same({ capabilities = {
      { service = { type = "CONTROLLER_SERVICE" } },
      { volume_expansion = { type = "ONLINE" } },
      { service = { type = "VOLUME_ACCESSIBILITY_CONSTRAINTS" } },
    } }, connection:call("GetPluginCapabilities"))
  end)

  it("answers with the same bytes", function()
    local connection = serve(NAME, VERSION):connect()
    local function assert_bytes(expected, method)
      assert.equal(expected, connection:raw("/csi.v1.Identity/" .. method, ""))
    end
    assert_bytes("\x0a\x10rbd.csi.ceph.com\x12\x06v3.0.0", "GetPluginInfo")
    assert_bytes("", "Probe")
    assert_bytes("\x0a\4\x0a\2\8\1" .. "\x0a\4\x12\2\8\1" .. "\x0a\4\x0a\2\8\2", "GetPluginCapabilities")
  end)

  it("is UNAVAILABLE without a name or a version", function()
    local function assert_unavailable(message, ...)
      local connection = serve(...):connect()
      assert.same({ nil, "UNAVAILABLE", message }, { connection:call("GetPluginInfo") })
      assert.same({}, connection:call("Probe"))
    end
    assert_unavailable("Driver name not configured", VERSION)
    assert_unavailable("Driver is missing version", NAME)
    assert_unavailable("Driver name not configured")
    assert_unavailable("Driver name not configured", "name=", VERSION)
    assert_unavailable("Driver is missing version", NAME, "version=")
  end)

  it("passes luacsi check with its settings, though csc would crash", function()
    local result = host.run { "check", "examples/ceph-rbd.lua", "--set", NAME, "--set", VERSION }
    assert.equal(0, result.code)
    assert.truthy(result.stdout:find("0 errors, 1 warning\n", 1, true))
  end)
end)

example("not-ready-then-ready", function(serve)
  it("is not ready, but no error, at first", function()
    local connection = serve("after=3600"):connect()
    assert.same({ ready = false }, connection:call("Probe"))
    assert.same({ ready = false }, connection:call("Probe"))
    assert.equal("slow.csi.example.com", connection:call("GetPluginInfo").name)
  end)

  it("is ready after the time", function()
    local connection = serve("after=0.1"):connect()
    assert(wait.for_(function() return connection:call("Probe").ready end))
    assert.same({ ready = true }, connection:call("Probe"))
  end)
end)

example("fail-twice", function(serve)
  it("fails with DEADLINE_EXCEEDED twice, with ABORTED once, then is well", function()
    local connection = serve():connect()
    assert.equal("flaky.csi.example.com", connection:call("GetPluginInfo").name)
    assert.same({ nil, "DEADLINE_EXCEEDED", "failure 1 of 3" }, { connection:call("Probe") })
    assert.same({ nil, "DEADLINE_EXCEEDED", "failure 2 of 3" }, { connection:call("Probe") })
    assert.same({ nil, "ABORTED", "failure 3 of 3" }, { connection:call("Probe") })
    for _ = 1, 3 do
      assert.same({ ready = true }, connection:call("Probe"))
    end
  end)
end)

example("readiness-file", function(serve)
  it("follows the file", function()
    local path = host.folder() .. "/ready"
    local connection = serve("file=" .. path, "--allow-read=" .. path):connect()
    assert.equal("file.csi.example.com", connection:call("GetPluginInfo").name)
    assert.same({ ready = false }, connection:call("Probe"))
    process.write_file(path, "ok\n")
    assert.same({ ready = true }, connection:call("Probe"))
    process.write_file(path, "  the array is down\n")
    assert.same({ nil, "FAILED_PRECONDITION", "the array is down" }, { connection:call("Probe") })
    process.write_file(path, "")
    assert.same({ nil, "FAILED_PRECONDITION", path .. " is empty" }, { connection:call("Probe") })
    assert(os.remove(path))
    assert.same({ ready = false }, connection:call("Probe"))
  end)

  it("is broken when it cannot read the file", function()
    local folder = host.folder()
    local reply, code = serve("file=" .. folder, "--allow-read=" .. folder):connect():call("Probe")
    assert.same({ nil, "FAILED_PRECONDITION" }, { reply, code })
  end)
end)

-- What calls of CreateVolume show: the id, or the code.
local function create(connection, name)
  local reply, code = connection:call("CreateVolume", { name = name })
  return reply and reply.volume.volume_id or code
end

example("fail-in-order", function(serve)
  it("fails twice with DEADLINE_EXCEEDED, then once with ABORTED, then succeeds", function()
    local connection = serve():connect()
    local seen = {}
    for i = 1, 5 do
      seen[i] = create(connection, "v")
    end
    assert.same({ "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED", "ABORTED", "vol-1", "vol-1" }, seen)
  end)
end)

example("broken-connections", function(serve)
  it("cuts the connection of the first CreateVolume", function()
    local server = serve()
    assert.equal("UNAVAILABLE", create(server:connect(), "v"))
    assert.equal("vol-1", create(server:connect(), "v"))
  end)

  it("takes the socket away at the first DeleteVolume", function()
    local server = serve "away=0.1"
    assert.equal("UNAVAILABLE", select(2, server:connect():call("DeleteVolume")))
    server:wait_log '"Socket is back"'
    assert.same({}, server:connect():call("DeleteVolume"))
  end)

  it("never answers NodeGetInfo", function()
    local _, code = serve():connect():call("NodeGetInfo", {}, { timeout = 0.1 })
    assert.equal("DEADLINE_EXCEEDED", code)
  end)
end)

example("slow-and-flaky", function(serve)
  it("fails now and then, the same way each time under a seed", function()
    local function run()
      local connection, seen = serve("--seed=1"):connect(), {}
      for i = 1, 12 do
        seen[i] = create(connection, "v")
      end
      return table.concat(seen, " ")
    end
    local first = run()
    assert.matches("UNAVAILABLE", first)
    assert.matches("id%-of%-v", first)
    assert.equal(first, run())
  end)

  it("is slow for one name, and has one volume to delete", function()
    local connection = serve "--nodeid=n1":connect()
    assert.equal("id-of-large", create(connection, "large"))
    assert.same({ "NOT_FOUND", "no such volume on n1" },
      { select(2, connection:call("DeleteVolume", { volume_id = "v" })) })
    assert.same({}, connection:call("DeleteVolume", { volume_id = "kept" }))
  end)
end)

example("out-of-spec", function(serve)
  it("breaks the rules", function()
    local connection = serve():connect()
    assert.equal("-not a name-", connection:call("GetPluginInfo").name)
    assert.equal("\255\255\255", connection:raw("/csi.v1.Node/NodeGetInfo", ""))
    assert.same({ "RESOURCE_EXHAUSTED", "the quota is used up" },
      { select(2, connection:call("CreateVolume")) })
  end)
end)

example("before-a-driver", function(serve)
  it("changes what it says, and nothing else", function()
    local real = host.serve { script = [[return {
      GetPluginInfo = { name = "real.example.com", vendor_version = "7" },
      CreateVolume = function(request)
        return { volume = { volume_id = "id", capacity_bytes = request.capacity_range.required_bytes } }
      end,
      NodeStageVolume = {},
    }]] }
    local server = serve("--upstream=" .. real.endpoint)
    local connection = server:connect()
    local function size_for(bytes)
      return connection:call("CreateVolume", {
        name = "v", capacity_range = bytes and { required_bytes = bytes },
      }).volume.capacity_bytes
    end
    assert.same({ 1 << 30, 1 << 30, 2 << 30 }, { size_for(nil), size_for(1), size_for(2 << 30) })
    server:wait_log('"Volume created".*size=2147483648')
    assert.equal("real.example.com", connection:call("GetPluginInfo").name)
    assert.same({}, connection:call("NodeStageVolume", { volume_id = "id" }))
    real:stop()
    assert.equal("UNAVAILABLE", select(2, connection:call("CreateVolume", { name = "v" })))
  end)
end)

example("recorded", function(serve)
  it("answers as it says", function()
    local connection = serve():connect()
    local function make(name)
      local reply, code = connection:call("CreateVolume", { name = name, parameters = { tier = "gold" } })
      return code or reply.volume.volume_id
    end
    assert.same({ "ABORTED", "ABORTED", "vol-1", "vol-1" },
      { make "pvc-1", make "pvc-1", make "pvc-1", make "pvc-1" })
    assert.equal("FAILED_PRECONDITION", make "pvc-2")
    assert.equal("recorded.csi.example.com", connection:call("GetPluginInfo").name)
  end)
end)

describe("the examples", function()
  after_each(host.teardown)

  local names = {}
  for _, file in ipairs(host.files_in "examples") do
    names[#names + 1] = file:match("^(.*)%.lua$")
  end

  it("have a spec each", function()
    local specs = process.read_file "spec/examples_spec.lua"
      .. process.read_file "spec/examples_runtime_spec.lua"
    for _, name in ipairs(names) do
      assert.truthy(specs:find(('\nexample("%s"'):format(name), 1, true), name)
    end
  end)

  it("load, and answer the three calls of Identity", function()
    for _, name in ipairs(names) do
      local server = serve_example(name, "name=a.example.com", "version=1", "--allow-all")
      for _, method in ipairs { "GetPluginInfo", "Probe", "GetPluginCapabilities" } do
        local reply, code = server:connect():call(method)
        assert(reply or code ~= "INTERNAL", name)
      end
    end
  end)
end)
