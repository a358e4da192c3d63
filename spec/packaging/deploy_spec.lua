-- deploy/: the manifests and the script in them say the same, with the real binary run as the pods would run
-- it. The schemas are the matter of `make manifests`.

local command = require "spec.support.command"
local folder = require "spec.support.folder"
local host = require "spec.support.host"
local http = require "spec.support.http"
local luacsi = require "luacsi"
local process = require "spec.support.process"
local uv = require "luv"
local wait = require "spec.support.wait"

local BASE = "deploy/kubernetes/base/"
local SCRIPT = BASE .. "driver.lua"

after_each(function()
  host.teardown()
  folder.remove_all()
end)

local function read(name)
  return process.read_file(name)
end

-- The words of `key: [a, b]` where it comes first.
local function list(text, key)
  local words = {}
  for word in text:match("%f[%w]" .. key .. ": %[(.-)%]"):gmatch("[^, ]+") do
    words[#words + 1] = word:match('^"(.*)"$') or word
  end
  return words
end

-- The flags of the driver's container, with another port for HTTP.
local function flags_of(text, port)
  local arguments = list(text, "args")
  assert.same({ "serve", "/etc/luacsi/driver.lua" }, { arguments[1], arguments[2] })
  local flags = table.move(arguments, 3, #arguments, 1, {})
  for i, flag in ipairs(flags) do
    flags[i] = flag:gsub("^(%-%-http%-endpoint)=:9808$", "%1=127.0.0.1:" .. port)
  end
  return flags
end

-- The path of a probe of the driver's container.
local function probe_path(text, probe)
  return text:match("\n +" .. probe .. ":\n +httpGet:\n +path: (%S+)\n +port: http\n")
end

local function driver_name()
  return host.serve({ file = SCRIPT }):connect():call("GetPluginInfo").name
end

describe("the script of the manifests", function()
  it("is a good script", function()
    local result = host.run { "check", SCRIPT }
    assert.same({ code = 0, stdout = SCRIPT .. ": ok\n", stderr = "" }, result)
  end)

  it("has the name that the manifests say", function()
    local name = driver_name()
    assert.equal(name, read(BASE .. "csidriver.yaml"):match("\nkind: CSIDriver\nmetadata:\n  name: (%S+)"))
    assert.equal(name, read(BASE .. "storageclass.yaml"):match("\nprovisioner: (%S+)"))
    local plugins = "/var/lib/kubelet/plugins/" .. name
    local node = read(BASE .. "node.yaml")
    assert.equal(plugins .. "/csi.sock", node:match("%-%-kubelet%-registration%-path=(%S+)"))
    assert.equal(plugins, node:match("name: plugin\n          hostPath:\n            path: (%S+)"))
  end)

  it("answers what the sidecars call", function()
    local connection = host.serve({ file = SCRIPT }):connect()
    local can = {}
    for _, capability in ipairs(connection:call("ControllerGetCapabilities").capabilities) do
      can[capability.rpc.type] = true
    end
    assert.same({ CREATE_DELETE_VOLUME = true, PUBLISH_UNPUBLISH_VOLUME = true, EXPAND_VOLUME = true,
      CREATE_DELETE_SNAPSHOT = true }, can)

    local volume = connection:call("CreateVolume", { name = "pvc-1", capacity_range = { required_bytes = 5 },
      parameters = { kind = "double" } }).volume
    assert.same({ "pvc-1", 5, { kind = "double" } },
      { volume.volume_id, volume.capacity_bytes, volume.volume_context })
    local block = { block = {}, access_mode = { mode = "SINGLE_NODE_WRITER" } }
    for method, request in pairs {
      ControllerPublishVolume = { volume_id = "pvc-1", node_id = "node-1", volume_capability = block },
      ControllerUnpublishVolume = { volume_id = "pvc-1", node_id = "node-1" },
      ValidateVolumeCapabilities = { volume_id = "pvc-1", volume_capabilities = { block } },
      ControllerExpandVolume = { volume_id = "pvc-1", capacity_range = { required_bytes = 6 } },
      CreateSnapshot = { source_volume_id = "pvc-1", name = "snap-1" },
      DeleteSnapshot = { snapshot_id = "snap-1" },
      DeleteVolume = { volume_id = "pvc-1" },
    } do
      assert(connection:call(method, request))
    end
  end)
end)

describe("the driver's container", function()
  for _, file in ipairs { "node.yaml", "controller.yaml" } do
    it("of " .. file .. " runs and its probes pass", function()
      local text, port = read(BASE .. file), host.free_port()
      assert.equal("unix:///csi/csi.sock", text:match("name: CSI_ENDPOINT\n%s+value: (%S+)"))
      assert.equal("9808", text:match("%- name: http\n +containerPort: (%d+)"))
      local server = host.serve {
        file = SCRIPT, flags = flags_of(text, port), env = { KUBE_NODE_NAME = "node-1" },
      }
      http.wait_for(port)
      for probe, path in pairs { readinessProbe = "/readyz", livenessProbe = "/livez" } do
        assert.equal(path, probe_path(text, probe))
        assert.equal(200, http.get(port, path).code)
      end
      assert.equal("node-1", server:connect():call("NodeGetInfo").node_id)
    end)
  end

  it("has the version that is built", function()
    for _, file in ipairs { BASE .. "node.yaml", BASE .. "controller.yaml", "deploy/Dockerfile",
        "deploy/luacsi.nomad.hcl", "deploy/kubernetes/luacsi.yaml", "deploy/README.md" } do
      local found = 0
      for version in read(file):gmatch("%f[%w]luacsi:(%d[%d.]*)") do
        assert.equal(luacsi.version, version, file)
        found = found + 1
      end
      assert(found > 0, file)
    end
  end)
end)

describe("the driver without a registrar", function()
  local text = read "deploy/kubernetes/without-registrar/node.yaml"
  local arguments = {}
  for word in text:match("args:\n(.-)volumeMounts"):gmatch("%- (%S+)") do
    arguments[#arguments + 1] = word
  end

  it("has the arguments of the base, and those of registration", function()
    local own = {}
    for i = #arguments, 1, -1 do
      if arguments[i]:find("registration-path=", 1, true) then
        table.insert(own, 1, table.remove(arguments, i))
      end
    end
    assert.same(list(read(BASE .. "node.yaml"), "args"), arguments)
    assert.same({
      "--kubelet-registration-path="
        .. read(BASE .. "node.yaml"):match("%-%-kubelet%-registration%-path=(%S+)"),
      "--plugin-registration-path=/registration",
    }, own)
  end)
end)

describe("the pod in thirty lines", function()
  local pod = read("README.md"):match("\n```yaml\n(.-)```\n")
  local code = pod:match("\n  driver%.lua: |\n(.-)\n%-%-%-\n"):gsub("%f[^%z\n]    ", "")

  it("has no more", function()
    assert.is_true(select(2, pod:gsub("\n", "")) <= 30)
  end)

  it("has a script that all callers of a node work with", function()
    local dir = folder.make { ["driver.lua"] = code }
    local result = host.run { "check", "--for=registrar,kubelet,livenessprobe", dir .. "/driver.lua" }
    assert.equal(0, result.code, result.stdout)
  end)

  it("registers the driver under the name that its paths have", function()
    local port, registration = host.free_port(), host.folder()
    local flags = {}
    for i, word in ipairs(list(pod:gsub(",\n +", ", "), "args")) do
      flags[i - 2] = word:gsub("=:9808$", "=127.0.0.1:" .. port):gsub("=/registration$", "=" .. registration)
    end
    local server = host.serve { script = code, flags = { table.unpack(flags) } }
    local name = server:connect():call("GetPluginInfo").name
    local socket = "unix://" .. registration .. "/" .. name .. "-reg.sock"
    assert(wait.for_(function() return host.listens(socket) end), server:log())
    local plugin = "/var/lib/kubelet/plugins/" .. name
    assert.truthy(pod:find("{ path: " .. plugin .. ", type: DirectoryOrCreate }", 1, true))
    local info = assert(luacsi.connect(socket)):call("pluginregistration.Registration/GetInfo", {})
    assert.same({ name, plugin .. "/csi.sock" }, { info.name, info.endpoint })
    http.wait_for(port)
    for path in pod:gmatch("httpGet: { path: (%S+), port: 9808 }") do
      assert.equal(200, http.get(port, path).code)
    end
    assert.truthy(pod:find("image: luacsi:" .. luacsi.version .. "\n", 1, true))
    assert.truthy(read("deploy/Dockerfile"):find("ENV CSI_ENDPOINT=unix:///csi/csi.sock", 1, true))
    assert.truthy(pod:find("{ name: plugin, mountPath: /csi }", 1, true))
  end)
end)

describe("the image's root", function()
  local IMAGE_LIBRARY = read("deploy/Dockerfile"):match("\nARG LIBRARIES=(%S+)\n")

  -- Runs argv with the folder as its root: root of this machine can, everybody else as root of a namespace.
  local function inside(root, ...)
    if uv.getuid() == 0 then
      return { "/usr/sbin/chroot", "--userspec=65532:65532", root, ... }
    end
    return { "unshare", "--map-root-user", "/usr/sbin/chroot", root, ... }
  end

  it("has all that the binary needs", function()
    local root = folder.make()
    command.output { "chmod", "755", root }
    command.output { "deploy/rootfs", "build/luacsi", root, IMAGE_LIBRARY }
    command.output { "install", "-m", "644", SCRIPT, root .. "/driver.lua" }
    local port = host.free_port()
    local server = process.start(
      inside(root, "/usr/bin/luacsi", "serve", "/driver.lua", "--http-endpoint=127.0.0.1:" .. port),
      { dir = folder.make(), env = { CSI_ENDPOINT = "unix:///csi/csi.sock" } })
    assert(wait.for_(function()
      return server.code or host.listens("unix://" .. root .. "/csi/csi.sock")
    end) == true, server:stderr())
    assert.equal("ready\n", command.output(inside(root, "/usr/bin/luacsi", "probe"),
      { env = { CSI_ENDPOINT = "unix:///csi/csi.sock" } }))
    http.wait_for(port)
    assert.equal(200, http.get(port, "/livez").code)
    server:signal("sigterm")
    assert.equal(0, server:wait())
  end)

  it("can have libcurl, for csi.http", function()
    local root = folder.make { ["driver.lua"] = [[
      local csi = require "csi"
      return {
        GetPluginInfo = { name = "http.example.com", vendor_version = "1" },
        Probe = function()
          local _, message = csi.http("http://127.0.0.1:1/")
          csi.fail("ABORTED", message)
        end,
      }
    ]] }
    command.output { "chmod", "755", root }
    command.output { "deploy/rootfs", "build/luacsi", root, "libcurl.so.4" }
    local told = command.output(inside(root, "/usr/bin/luacsi", "check", "/driver.lua", "--allow-all"))
    assert.truthy(told:find("ABORTED now: http://127.0.0.1:1", 1, true), told)
    assert.falsy(told:find("libcurl", 1, true), told)
  end)
end)

describe("the Nomad job", function()
  it("has a script that its marks leave alone", function()
    local job = read "deploy/luacsi.nomad.hcl"
    local script = read("deploy/" .. job:match('file%("(.-)"%)'))
    assert.equal(read(SCRIPT), script)
    for _, side in ipairs { "left", "right" } do
      assert.falsy(script:find(job:match(side .. '_delimiter%s*= "(.-)"'), 1, true))
    end
  end)
end)
