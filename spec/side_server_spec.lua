-- A second socket in the same process: who can be reached where, and what becomes of its file.

local host = require "spec.support.host"
local http2 = require "spec.support.http2"
local luacsi = require "luacsi"
local process = require "spec.support.process"
local protobuf = require "spec.support.protobuf"
local uv = require "luv"
local wait = require "spec.support.wait"

local REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
local LIST_SERVICES, SERVICES = 7, 6 -- numbers of fields
local SCRIPT = [[return { GetPluginInfo = { name = "side.example.com", vendor_version = "1" } }]]

local function connect(socket)
  return assert(luacsi.connect("unix://" .. socket))
end

local function code_of(connection, method)
  local reply, code = connection:call(method, {}, { timeout = 10 })
  return reply and "OK" or code
end

-- The names of the services that reflection tells of.
local function services(socket)
  local connection = http2.start(socket)
  connection:headers(1, http2.request_headers(REFLECTION))
  connection:data(1, http2.message(protobuf.field(LIST_SERVICES, "")))
  local message = assert(connection:message(1))
  connection:close()
  local names = {}
  for _, service in ipairs(protobuf.read(protobuf.read(message)[SERVICES][1])[1]) do
    names[#names + 1] = protobuf.read(service)[1][1]
  end
  table.sort(names)
  return names
end

describe("the control socket", function()
  local folder, socket

  local function serve(flags)
    local all = { "--control", "unix://" .. socket }
    table.move(flags or {}, 1, #(flags or {}), 3, all)
    local server = host.serve { script = SCRIPT, flags = all }
    assert.is_true(host.listens("unix://" .. socket))
    return server
  end

  before_each(function()
    folder = host.folder()
    socket = folder .. "/control.sock"
  end)
  after_each(host.teardown)

  it("has its service, and CSI's socket has it not", function()
    local server = serve()
    local csi <close> = connect(server.socket)
    local control <close> = connect(socket)
    assert.equal("OK", code_of(csi, "GetPluginInfo"))
    assert.equal("OK", code_of(csi, "luacsi.v1.Host/GetStatus"))
    assert.equal("UNIMPLEMENTED", code_of(csi, "luacsi.v1.Control/Stop"))
    assert.equal("UNIMPLEMENTED", code_of(control, "GetPluginInfo"))
    assert.equal("UNIMPLEMENTED", code_of(control, "luacsi.v1.Host/GetStatus"))
    assert.equal("UNIMPLEMENTED", code_of(control, "grpc.health.v1.Health/Check"))
  end)

  it("has reflection of its own", function()
    local server = serve()
    assert.same({
      "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection", "luacsi.v1.Control",
    }, services(socket))
    for _, name in ipairs(services(server.socket)) do
      assert.not_equal("luacsi.v1.Control", name)
    end
  end)

  it("lets only its own user in, whatever the mode of CSI's", function()
    local server = serve { "--socket-mode", "0666" }
    assert.equal(tonumber("0666", 8), assert(uv.fs_stat(server.socket)).mode & tonumber("0777", 8))
    assert.equal(tonumber("0600", 8), assert(uv.fs_stat(socket)).mode & tonumber("0777", 8))
  end)

  it("goes at the end, and nothing is beside it", function()
    local server = serve()
    assert.same({ "control.sock" }, host.files_in(folder))
    server:stop()
    assert.same({}, host.files_in(folder))
  end)

  it("ends the process when it is told to", function()
    local server = serve()
    local control <close> = connect(socket)
    assert.equal("OK", code_of(control, "luacsi.v1.Control/Stop"))
    assert.is_truthy(wait.for_(function() return server.process.code end))
    assert.matches('"Stopping" by="luacsi.v1.Control"', server:log(), 1, true)
    assert.same({}, host.files_in(folder))
    server:stop() -- and it ended well
  end)

  it("takes the place of a stale one", function()
    local before = serve()
    before:signal("sigkill")
    before.process:wait()
    before.process.done = true
    assert.same({ "control.sock" }, host.files_in(folder))
    local server = serve()
    assert.matches('"Removed a stale socket" path="' .. socket, server:log(), 1, true)
  end)

  it("is not taken from a live process", function()
    serve()
    local refused = host.serve_refused { script = SCRIPT, flags = { "--control", "unix://" .. socket } }
    assert.equal(2, refused.code)
    assert.matches("another process is already listening on " .. socket, refused.stderr, 1, true)
    assert.is_true(host.listens("unix://" .. socket))
  end)

  it("is refused beside CSI's socket", function()
    local csi = folder .. "/csi.sock"
    local refused = host.serve_refused {
      script = SCRIPT, socket = csi, flags = { "--control", "unix://" .. folder .. "/../run/control.sock" },
    }
    assert.equal(1, refused.code)
    assert.matches("the control socket cannot be in " .. folder, refused.stderr, 1, true)
    assert.same({}, host.files_in(folder))
  end)

  it("is refused where it would be CSI's socket itself", function()
    local refused = host.serve_refused {
      script = SCRIPT, socket = socket, flags = { "--control", "unix://" .. socket },
    }
    assert.equal(1, refused.code)
    assert.matches("the control socket cannot be in", refused.stderr, 1, true)
  end)

  it("is no TCP port", function()
    local refused = host.serve_refused { script = SCRIPT, flags = { "--control", "tcp://127.0.0.1:9999" } }
    assert.equal(2, refused.code)
    assert.equal('luacsi serve: --control: expected a UNIX socket such as unix:///path, '
      .. 'got "tcp://127.0.0.1:9999"\n', refused.stderr)
  end)

  it("is not there when the script does not load", function()
    local refused = host.serve_refused { script = "return 1", flags = { "--control", "unix://" .. socket } }
    assert.equal(1, refused.code)
    assert.same({}, host.files_in(folder))
  end)

  it("is removed again when CSI's socket is taken", function()
    local server = host.serve { script = SCRIPT }
    local second = host.run { "serve", "--endpoint", server.endpoint, "--control", "unix://" .. socket }
    assert.equal(2, second.code)
    assert.matches("another process is already listening on " .. server.socket, second.stderr, 1, true)
    assert.same({}, host.files_in(folder))
  end)

  it("needs its folder", function()
    local refused = host.serve_refused {
      script = SCRIPT, flags = { "--control", "unix://" .. folder .. "/none/control.sock" },
    }
    assert.equal(1, refused.code)
    assert.matches("directory " .. folder .. "/none does not exist", refused.stderr, 1, true)
  end)
end)

describe("without --control", function()
  after_each(host.teardown)

  it("there is no further socket", function()
    local server = host.serve { script = SCRIPT }
    local sockets = 0
    for line in process.read_file("/proc/net/unix"):gmatch("[^\n]+") do
      sockets = sockets + (line:find(server.dir, 1, true) and line:find(" 00010000 ", 1, true) and 1 or 0)
    end
    assert.equal(1, sockets)
  end)
end)
