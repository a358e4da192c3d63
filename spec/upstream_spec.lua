-- serve --upstream: what the script does not answer is asked of the driver behind it; context.upstream.

local before = require "spec.support.before"
local host = require "spec.support.host"
local http = require "spec.support.http"
local luacsi = require "luacsi"
local process = require "spec.support.process"
local protobuf = require "spec.support.protobuf"
local wait = require "spec.support.wait"

local PROBE, CREATE, OK, ask = before.PROBE, before.CREATE, before.OK, before.ask

local function play(options)
  local client, listener, server, close = before.play(options)
  finally(close)
  return client, listener, server
end

describe("serve --upstream", function()
  after_each(host.teardown)

  it("asks the driver for what the script leaves out, also where there is a default", function()
    local front = before.script([[
      return {
        GetPluginInfo = { name = "real.example.com", vendor_version = "7" },
        Probe = { ready = false },
        CreateVolume = function(request) return { volume = { volume_id = "real " .. request.name } } end,
      }]], {
      flags = { "--nodeid", "front" },
      script = [[return {
        GetPluginCapabilities = { capabilities = { { service = { type = "CONTROLLER_SERVICE" } } } },
      }]],
    })
    local client = front:connect()
    assert.equal("real.example.com", client:call("GetPluginInfo").name)
    assert.same({ ready = false }, client:call("Probe"))
    assert.equal("real", client:call("NodeGetInfo").node_id)
    assert.equal("real v", client:call("CreateVolume", { name = "v" }).volume.volume_id)
    assert.equal(1, #client:call("GetPluginCapabilities").capabilities)
    assert.same({ nil, "UNIMPLEMENTED", "the script has no handler for this method" },
      { client:call("DeleteVolume", {}) })
  end)

  it("needs no script: then all goes to the driver", function()
    local front = before.script [[return {
      GetPluginInfo = { name = "real.example.com", vendor_version = "7" },
    }]]
    assert.equal("real.example.com", front:connect():call("GetPluginInfo").name)
    front:wait_log('"Serving".*script="none" upstream="unix://')
    assert.matches("\nscript +none\nupstream +unix:///", front:run({ "status" }).stdout)
  end)

  it("hands on what passes, at once and after a wait", function()
    local front = before.script("return { Probe = { ready = false }, NodeGetInfo = { node_id = 'real' } }", {
      script = [[
        local csi = require "csi"
        return {
          Probe = function(request, context)
            if context.metadata.own then
              return { ready = true }
            end
            return csi.pass
          end,
          NodeGetInfo = function()
            csi.sleep(0)
            return csi.pass
          end,
          GetPluginInfo = csi.pass,
        }]],
    })
    local client = front:connect()
    for _ = 1, 20 do
      assert.same({ ready = false }, client:call("Probe"))
      assert.same({ ready = true }, client:call("Probe", {}, { metadata = { own = "1" } }))
      assert.equal("real", client:call("NodeGetInfo").node_id)
    end
    assert.equal("UNIMPLEMENTED", select(2, client:call("GetPluginInfo")))
  end)

  it("works through a chain, over TCP, too", function()
    local real = host.serve {
      script = "return { GetPluginInfo = { name = 'real.example.com', vendor_version = '7' } }",
      endpoint = "tcp://127.0.0.1:" .. host.free_port(),
    }
    local middle = before.serve(real.endpoint, { endpoint = "tcp://127.0.0.1:" .. host.free_port() })
    local front = before.serve(middle.endpoint)
    assert.equal("real.example.com", front:connect():call("GetPluginInfo").name)
  end)

  it("reloads its script as ever", function()
    local front = before.script("return { Probe = { ready = false } }", {
      script = "return { Probe = { ready = true } }",
    })
    local client = front:connect()
    assert.is_true(client:call("Probe").ready)
    process.write_file(front.dir .. "/script.lua", "return {}")
    assert.is_truthy(wait.for_(function() return client:call("Probe").ready == false end))
  end)

  it("lets a call that the driver works on finish at the end", function()
    local client, listener, front = play()
    ask(client, 1, PROBE, "")
    local driver = listener.accept()
    local number = driver:request()
    front:signal("sigterm")
    front:wait_log("Stopping")
    driver:respond(number, { "" }, OK)
    assert.equal(0, client:answer(1).status)
    client:close()
  end)

  it("ends while the driver hangs: its calls are cancelled after --grace", function()
    local client, listener, server = play { flags = { "--grace", "10ms" }, script = [[return {
      CreateVolume = function(request, context) return context.upstream() end,
    }]] }
    for i, path in ipairs { PROBE, CREATE, before.ALLOCATED, "/other.Service/Method" } do
      ask(client, 2 * i - 1, path, "")
    end
    local driver = listener.accept()
    for _ = 1, 4 do
      driver:request()
    end
    server:signal("sigterm")
    assert.equal(0, server.process:wait())
    for number = 1, 7, 2 do
      assert.is_not.equal(0, (client:answer(number) or {}).status)
    end
  end)

  it("fails as csi.fault says, and then leaves it to the driver", function()
    local front = before.script("return { DeleteVolume = {}, Probe = { ready = false } }", { script = [[
      local fault = require "csi.fault"
      return {
        DeleteVolume = fault.times(2, fault.fail("ABORTED", "on purpose")),
        Probe = fault.pass,
      }]] })
    local client = front:connect()
    local codes = {}
    for i = 1, 4 do
      codes[i] = select(2, client:call("DeleteVolume", {})) or "OK"
    end
    assert.equal("ABORTED ABORTED OK OK", table.concat(codes, " "))
    assert.same({ ready = false }, client:call("Probe"))
  end)

  it("counts and logs what the driver answers", function()
    local port = host.free_port()
    local front = before.script([[return {
      CreateVolume = function(request) return { volume = { volume_id = "id" } } end,
      DeleteVolume = function() return nil, "ABORTED", "busy" end,
    }]], { flags = { "-v=5", "--http-endpoint", "127.0.0.1:" .. port } })
    local client = front:connect()
    assert(client:call("CreateVolume", { name = "v", secrets = { key = "hidden" } }))
    assert.equal("ABORTED", select(2, client:call("DeleteVolume", {})))
    front:wait_log('"Call failed" method="[^"]*DeleteVolume" id="2" code="ABORTED" message="busy"')
    local line = front:log():match("gRPCCall: ([^\n]+)")
    assert.same({
      Method = CREATE, Request = { name = "v", secrets = "***stripped***" },
      Response = { volume = { volume_id = "id" } }, Error = "", FullError = luacsi.json.null, RequestID = "1",
    }, luacsi.json.decode(line))
    local metrics = http.get(port, "/metrics").body
    assert.matches('DeleteVolume",grpc_status_code="ABORTED"', metrics, 1, true)
  end)

  it("keeps for --control what the driver answers", function()
    local control = "unix://" .. host.folder() .. "/control.sock"
    local front = before.script([[return {
      CreateVolume = function(request) return { volume = { volume_id = "id of " .. request.name } } end,
      DeleteVolume = function() return nil, "ABORTED", "busy" end,
    }]], { flags = { "--control", control } })
    local client = front:connect()
    client:call("CreateVolume", { name = "v", secrets = { key = "hidden" } })
    client:call("DeleteVolume", { volume_id = "w" })
    local result = host.run { "ctl", "calls", "--json", "--control", control }
    assert.equal(0, result.code, result.stderr)
    local calls = luacsi.json.decode(result.stdout).calls
    assert.same({ "upstream", "upstream" }, { calls[1].handler, calls[2].handler })
    assert.same({ { name = "v", secrets = "***stripped***" }, { volume_id = "w" } },
      { calls[1].request, calls[2].request })
    assert.same({ volume = { volume_id = "id of v" } }, calls[1].reply)
    assert.same({ "ABORTED", "busy" }, { calls[2].status, calls[2].message })
  end)

  it("keeps to --max-in-flight", function()
    local client, listener = play { flags = { "--max-in-flight", "1" } }
    ask(client, 1, PROBE, "")
    local driver = listener.accept()
    local first = driver:request()
    for i, path in ipairs { PROBE, "/other.Service/Method" } do
      ask(client, 1 + 2 * i, path, "")
      local answer = client:answer(1 + 2 * i)
      assert.same({ 8, "too many calls are in flight" }, { answer.status, answer.message })
    end
    driver:respond(first, { "" }, OK)
    assert.equal(0, client:answer(1).status)
  end)
end)

describe("serve --upstream, on the command line", function()
  after_each(host.teardown)

  local function refused(flags, options)
    options = options or {}
    return host.serve_refused { flags = flags, socket = options.socket, endpoint = options.endpoint }
  end

  it("refuses its own address, by whatever way", function()
    local dir = host.folder()
    assert(require("luv").fs_symlink(dir, dir .. "/../link"))
    for _, address in ipairs {
      "unix://" .. dir .. "/csi.sock", dir .. "/./csi.sock", "unix:" .. dir .. "/../link/csi.sock",
    } do
      local result = refused({ "--upstream", address }, { socket = dir .. "/csi.sock" })
      assert.equal(2, result.code)
      assert.matches("expected another driver, got the address that is served here", result.stderr, 1, true)
    end
    for _, own in ipairs { "127.0.0.1", "0.0.0.0" } do
      local port = host.free_port()
      local endpoint = ("tcp://%s:%d"):format(own, port)
      local result = refused({ "--upstream", "tcp://127.0.0.1:" .. port }, { endpoint = endpoint })
      assert.equal(2, result.code)
    end
  end)

  it("refuses what is no address", function()
    for _, address in ipairs { "nonsense", "tcp://host", "unix://relative", "tcp://127.0.0.1:0" } do
      local result = refused { "--upstream", address }
      assert.equal(2, result.code)
      assert.matches("^luacsi serve: [^\n]*upstream: ", result.stderr)
    end
  end)
end)

describe("Probe of the driver", function()
  after_each(host.teardown)

  it("is what grpc.health and HTTP tell of", function()
    local port = host.free_port()
    local path = host.folder() .. "/real.sock"
    local real = host.serve { socket = path, script = "return { Probe = { ready = true } }" }
    local front = before.serve("unix://" .. path, { flags = { "--http-endpoint", "127.0.0.1:" .. port } })
    local client = front:connect()
    local function health()
      return client:call("grpc.health.v1.Health/Check").status
    end
    assert.equal("SERVING", health())
    assert.equal(200, http.get(port, "/healthz").code)
    real:stop()
    assert.equal("NOT_SERVING", health())
    local answer = http.get(port, "/healthz")
    assert.equal(500, answer.code)
    assert.matches("UNAVAILABLE", answer.body)
    host.serve { socket = path, script = "return { Probe = { ready = false } }" }
    assert.is_truthy(wait.for_(function() return http.get(port, "/healthz").body:find("not ready") end))
    assert.equal("NOT_SERVING", health())
  end)
end)

describe("the name of the driver", function()
  after_each(host.teardown)

  it("is what the kubelet is told", function()
    local folder = host.folder()
    before.script([[return {
      GetPluginInfo = { name = "real.example.com", vendor_version = "7" },
    }]], { flags = {
      "--kubelet-registration-path", "/var/lib/kubelet/csi.sock", "--plugin-registration-path", folder,
    } })
    local socket = folder .. "/real.example.com-reg.sock"
    assert.is_truthy(wait.for_(function() return host.listens("unix://" .. socket) end))
  end)
end)

describe("context.upstream", function()
  after_each(host.teardown)

  it("has the driver answer, so that a handler may change both sides", function()
    local front = before.script([[return {
      CreateVolume = function(request)
        if request.name == "busy.x" then
          return nil, "ABORTED", "busy"
        end
        return { volume = { volume_id = request.name, capacity_bytes = 5 } }
      end,
    }]], { script = [[return {
      CreateVolume = function(request, context)
        request.name = request.name .. ".x"
        local reply, code, message = context.upstream(request)
        if not reply then
          return nil, code, message .. "!"
        end
        reply.volume.capacity_bytes = reply.volume.capacity_bytes + 1
        return reply
      end,
    }]] })
    local client = front:connect()
    local volume = client:call("CreateVolume", { name = "v" }).volume
    assert.same({ "v.x", 6 }, { volume.volume_id, volume.capacity_bytes })
    assert.same({ nil, "ABORTED", "busy!" }, { client:call("CreateVolume", { name = "busy" }) })
  end)

  local FRONT = [[
    local csi = require "csi"
    return {
      CreateVolume = function(request, context)
        return context.upstream()
      end,
      DeleteVolume = function(request, context)
        local ok, message = pcall(load(request.volume_id), request, context)
        return nil, "ABORTED", tostring(message)
      end,
      Probe = csi.coalesce(function(request, context) return context.upstream() end),
    }]]

  local function play_create(respond, bytes)
    local client, listener = play { script = FRONT }
    ask(client, 1, CREATE, bytes or "", { { "csi.requestid", "r1" }, { "grpc-timeout", "100S" } })
    local driver = listener.accept()
    local number, headers, message = driver:request()
    respond(driver, number)
    return client:answer(1), headers, message
  end

  it("sends the original bytes when it is given no request", function()
    local bytes = protobuf.field(999, "new") .. protobuf.field(1, "v")
    local answer, headers, message = play_create(function(driver, number)
      driver:respond(number, { protobuf.field(1, protobuf.field(2, "id")) }, OK)
    end, bytes)
    assert.same({ 0, { protobuf.field(1, protobuf.field(2, "id")) } }, { answer.status, answer.messages })
    assert.equal(bytes, message)
    assert.equal("r1", headers["csi.requestid"])
    assert.is_string(headers["grpc-timeout"])
  end)

  it("returns code and message, which a handler may return", function()
    local answer = play_create(function(driver, number)
      driver:respond(number, {}, { { "grpc-status", "10" }, { "grpc-message", "busy" } })
    end)
    assert.same({ 10, "busy" }, { answer.status, answer.message })
  end)

  for name, case in pairs {
    ["no message at all"] = { {}, { { "grpc-status", "7" } }, 7, "(no message)" },
    ["a status that gRPC does not have"] = {
      {}, { { "grpc-status", "99" }, { "grpc-message", "x" } }, 2, "x",
    },
    ["a reply that is none"] = { { "\xff\xff" }, OK, 13, "the upstream's reply: " },
    ["a string that is not UTF-8"] = {
      { protobuf.field(1, protobuf.field(2, "\xff")) }, OK, 13, "the upstream's reply: ",
    },
    ["two replies"] = { { "", "" }, OK, 13, "more than one message came in reply to a unary call" },
    ["no reply"] = { {}, OK, 13, "status OK, but no message came" },
  } do
    it("makes an error of " .. name, function()
      local answer = play_create(function(driver, number) driver:respond(number, case[1], case[2]) end)
      assert.equal(case[3], answer.status)
      assert.matches(case[4], answer.message, 1, true)
    end)
  end

  it("cuts a message that is too long for a status of a script", function()
    local answer = play_create(function(driver, number)
      driver:respond(number, {}, { { "grpc-status", "10" }, { "grpc-message", ("x"):rep(3000) } })
    end)
    assert.same({ 10, ("x"):rep(1024) }, { answer.status, answer.message })
  end)

  it("says that the driver is away", function()
    local front = before.serve("unix://" .. host.folder() .. "/real.sock", { script = FRONT })
    local _, code, message = front:connect():call("CreateVolume", {})
    assert.equal("UNAVAILABLE", code)
    assert.matches("^upstream unix://.*/real.sock: cannot be reached: No such file", message)
  end)

  it("raises for what is no request", function()
    local front = before.script("return {}", { script = FRONT })
    local client = front:connect()
    local function raises(code)
      return select(3, client:call("DeleteVolume", { volume_id = "local request, context = ...; " .. code }))
    end
    assert.matches("table expected, got string", raises "context.upstream 'x'")
    assert.matches('no field is called "nmae"', raises "context.upstream { nmae = 'x' }")
    assert.matches("cannot wait here", raises "table.sort({ 1, 2 }, function() context.upstream() end)")
  end)

  it("works inside of csi.coalesce", function()
    local front = before.script("return { Probe = { ready = false } }", { script = FRONT })
    assert.same({ ready = false }, front:connect():call("Probe"))
  end)

  it("is cancelled with the call, and at its time", function()
    local client, listener = play { script = FRONT }
    ask(client, 1, CREATE, "")
    local driver = listener.accept()
    local number = driver:request()
    client:reset(1)
    before.wait_reset(driver, number)
    ask(client, 3, CREATE, "", { { "grpc-timeout", "500m" } })
    number = driver:request()
    assert.equal(4, client:answer(3).status)
    before.wait_reset(driver, number)
  end)

  it("is not there without --upstream", function()
    local server = host.serve { script = [[
      return { Probe = function(request, context) return { ready = context.upstream ~= nil } end }]] }
    assert.same({ ready = false }, server:connect():call("Probe"))
  end)
end)
