-- grpc.health.v1: what the script's Probe says, for those who know this service and not CSI.

local host = require "spec.support.host"
local http2 = require "spec.support.http2"
local luacsi = require "luacsi"
local protobuf = require "spec.support.protobuf"
local uv = require "luv"
local wait = require "spec.support.wait"

local CHECK, WATCH = "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"
local OK, INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNIMPLEMENTED, UNAVAILABLE = 0, 3, 8, 12, 14

local SERVICES = {
  "", "csi.v1.Identity", "csi.v1.Controller", "csi.v1.GroupController", "csi.v1.SnapshotMetadata",
  "csi.v1.Node",
}

local INFO = [[ GetPluginInfo = { name = "health.example.com", vendor_version = "1" }, ]]

local server

local function serve(probe, flags)
  server = host.serve { script = 'local csi = require "csi" return {' .. INFO .. probe .. "}", flags = flags }
end

local function teardown()
  local connection <close> = assert(luacsi.connect(server.endpoint))
  assert(connection:call("GetPluginInfo", {}, { timeout = 10 }))
  connection:close()
  host.teardown()
end

local function check(service, connection)
  local reply, code, message = (connection or server:connect()):call(CHECK, { service = service })
  return reply and reply.status or code, message
end

local function request(service)
  return http2.message(luacsi.encode("grpc.health.v1.HealthCheckRequest", { service = service }))
end

local function watch(connection, number, service)
  connection:headers(number, http2.request_headers(WATCH))
  connection:data(number, request(service), true)
end

local function next_status(connection, number, limit)
  local message = connection:message(number, limit)
  return message and luacsi.decode("grpc.health.v1.HealthCheckResponse", message).status
end

local function count(pattern)
  return select(2, server:log():gsub(pattern, ""))
end

describe("Check", function()
  after_each(teardown)

  it("answers for the server and for each service of CSI", function()
    serve ""
    for _, service in ipairs(SERVICES) do
      assert.equal("SERVING", check(service))
    end
  end)

  local answers = {
    ["Probe = {}"] = "SERVING",
    ["Probe = { ready = true }"] = "SERVING",
    ["Probe = { ready = false }"] = "NOT_SERVING",
    ["Probe = function() return { ready = true } end"] = "SERVING",
    ["Probe = function() return {} end"] = "SERVING",
    ["Probe = function() return { ready = false } end"] = "NOT_SERVING",
    ["Probe = function() csi.fail('FAILED_PRECONDITION', 'no module') end"] = "NOT_SERVING",
    ["Probe = function() error 'oops' end"] = "NOT_SERVING",
    ["Probe = function() return { ready = 7 } end"] = "NOT_SERVING",
    ["Probe = function() csi.sleep(0.05) return {} end"] = "SERVING",
    ["Probe = function() csi.sleep(0.05) return { ready = false } end"] = "NOT_SERVING",
    ["Probe = function() csi.sleep(0.05) csi.fail('ABORTED', 'x') end"] = "NOT_SERVING",
  }
  for probe, status in pairs(answers) do
    it("says " .. status .. " for " .. probe, function()
      serve(probe)
      local connection = server:connect()
      for _ = 1, 3 do
        assert.equal(status, check("", connection))
      end
    end)
  end

  it("says NOT_FOUND for a service that is none of CSI's", function()
    serve ""
    for _, service in ipairs { "csi.v1", "Identity", "csi.v1.Identity.", "grpc.health.v1.Health", " " } do
      assert.same({ "NOT_FOUND", ('unknown service "%s"'):format(service) }, { check(service) })
    end
    assert.equal("NOT_FOUND", (check(("x"):rep(60000))))
  end)

  it("refuses what is no request", function()
    serve ""
    local connection = server:connect()
    for bytes, fault in pairs {
      ["\xff"] = "INTERNAL",
      ["\10\5x"] = "INTERNAL",
      ["\10\1\xff"] = "INTERNAL",
      ["\10\1\0"] = "INTERNAL",
      [protobuf.field(1, ("x"):rep(70000))] = "RESOURCE_EXHAUSTED",
    } do
      assert.equal(fault, select(2, connection:raw(CHECK, bytes)))
    end
    assert.equal(protobuf.field(1, 1), connection:raw(CHECK, protobuf.field(77, "of later times")))
  end)

  it("answers many at once with one run of a Probe that waits", function()
    serve "Probe = function() csi.log.info('asked') csi.sleep(0.5) return {} end"
    local connection = http2.start(server.socket)
    for number = 1, 99, 2 do
      connection:headers(number, http2.request_headers(CHECK))
      connection:data(number, request(""), true)
    end
    for number = 1, 99, 2 do
      local answer = assert(connection:answer(number))
      assert.same({ OK, "\8\1" }, { answer.status, answer.messages[1] })
    end
    connection:close()
    assert(count '"asked"' < 10, "each call ran Probe")
  end)

  it("does not hold up others while Probe waits", function()
    serve "Probe = function() csi.sleep(30) end"
    local connection = http2.start(server.socket)
    connection:headers(1, http2.request_headers(CHECK))
    connection:data(1, request(""), true)
    assert.equal(OK, connection:call(3, "/csi.v1.Identity/GetPluginInfo", "").status)
    local answer = assert(connection:answer(1)) -- within the three seconds that a prober waits
    assert.same({ OK, "\8\2" }, { answer.status, answer.messages[1] })
    connection:close()
  end)

  it("is forgotten when the client goes, or its time is over", function()
    serve "Probe = function() csi.sleep(1) return {} end"
    local staying = http2.start(server.socket)
    for number = 1, 59, 2 do
      local more = number % 4 == 1 and { { "grpc-timeout", "20m" } } or nil
      staying:headers(number, http2.request_headers(CHECK, nil, more))
      staying:data(number, request(""), true)
      if number % 4 == 3 then
        staying:reset(number)
      end
    end
    for _ = 1, 10 do
      local going = http2.start(server.socket)
      going:headers(1, http2.request_headers(CHECK))
      going:data(1, request(""), true)
      going:close()
    end
    assert.equal("SERVING", check "")
    staying:close()
  end)

  it("is answered by the script that a reload brought", function()
    serve "Probe = { ready = false }"
    assert.equal("NOT_SERVING", check "")
    local file = assert(io.open(server.dir .. "/script.lua", "w"))
    file:write("return {" .. INFO .. "}")
    file:close()
    server:signal("sighup")
    assert(wait.for_(function() return check "" == "SERVING" end))
  end)
end)

describe("a Probe that is stuck", function()
  after_each(teardown)

  -- The first one never ends, inside one C function; the host gives its thread up.
  local STUCK = [[
    Probe = function()
      if csi.store.incr("asked") == 1 then
        string.find(("a"):rep(3000), ("a-"):rep(6) .. "b")
      end
      return {}
    end,
  ]]
  local FLAGS = { "--handler-cpu", "50ms", "--no-watch" }

  it("is NOT_SERVING for Check, and the next one is asked again", function()
    serve(STUCK, FLAGS)
    local connection = server:connect()
    assert.equal("NOT_SERVING", check("", connection))
    assert.equal("SERVING", check("", connection))
  end)

  it("is NOT_SERVING for Watch, which goes on", function()
    serve(STUCK, FLAGS)
    local connection = http2.start(server.socket)
    watch(connection, 1, "")
    assert.equal("NOT_SERVING", next_status(connection, 1))
    assert.equal("SERVING", next_status(connection, 1))
    connection:close()
  end)
end)

-- One Probe is ready, the next one is not.
local FLIPPING = [[
  Probe = (function()
    local n = 0
    return function()
      n = n + 1
      csi.log.info("asked")
      return { ready = n % 2 == 1 }
    end
  end)()
]]

describe("Watch", function()
  local connection

  local function start(probe)
    serve(probe)
    connection = http2.start(server.socket)
  end

  after_each(function()
    connection:close()
    teardown()
  end)

  it("tells the status at once", function()
    for ready, status in pairs { [true] = "SERVING", [false] = "NOT_SERVING" } do
      start(("Probe = { ready = %s }"):format(ready))
      for i, service in ipairs(SERVICES) do
        watch(connection, 2 * i - 1, service)
        assert.equal(status, next_status(connection, 2 * i - 1))
      end
      connection:close()
    end
    start ""
  end)

  it("tells each change to all who watch, and asks the script once for all", function()
    start(FLIPPING)
    watch(connection, 1, "")
    assert.equal("SERVING", next_status(connection, 1))
    local other = http2.start(server.socket)
    watch(other, 1, "csi.v1.Node") -- is answered at once, which is a change for the first
    assert.equal("NOT_SERVING", next_status(other, 1))
    assert.equal("NOT_SERVING", next_status(connection, 1))
    assert.equal("SERVING", next_status(other, 1)) -- some seconds later
    assert.equal("SERVING", next_status(connection, 1))
    assert.equal(3, count '"asked"')
    other:close()
    connection:close()
    wait.for_(function() return count '"asked"' > 4 end, 4)
    assert(count '"asked"' <= 4, "the script is asked though nobody watches")
    connection = http2.start(server.socket)
  end)

  it("says nothing while nothing changes", function()
    start "Probe = function() csi.log.info('asked') return {} end"
    watch(connection, 1, "")
    assert.equal("SERVING", next_status(connection, 1))
    assert(wait.for_(function() return count '"asked"' == 2 end))
    connection:frame("PING", 0, 0, "12345678")
    repeat
      local frame = assert(connection:read_frame())
      assert.not_equal("DATA", frame.type)
    until frame.type == "PING" and frame.flags == http2.FLAG.ACK
  end)

  it("keeps the last status for a client that reads late", function()
    serve(FLIPPING)
    connection = http2.connect(server.socket)
    connection:write(http2.PREFACE)
    connection:frame("SETTINGS", 0, 0, string.pack(">I2I4", 4, 0)) -- SETTINGS_INITIAL_WINDOW_SIZE
    watch(connection, 1, "")
    assert(wait.for_(function() return count '"asked"' == 2 end))
    connection:frame("WINDOW_UPDATE", 0, 1, string.pack(">I4", 65535))
    local status
    repeat
      status = next_status(connection, 1)
    until status == "NOT_SERVING"
  end)

  it("says SERVICE_UNKNOWN once, and goes on, for a service that is none of CSI's", function()
    start "Probe = function() csi.log.info('asked') return {} end"
    watch(connection, 1, "nope")
    assert.equal("SERVICE_UNKNOWN", next_status(connection, 1))
    watch(connection, 3, "")
    assert.equal("SERVING", next_status(connection, 3))
    assert.is_falsy(connection:stream_of(1).ended)
    assert.equal(1, count '"asked"')
  end)

  it("goes on while the script is replaced", function()
    start "Probe = { ready = false }"
    watch(connection, 1, "")
    assert.equal("NOT_SERVING", next_status(connection, 1))
    local file = assert(io.open(server.dir .. "/script.lua", "w"))
    file:write("return {" .. INFO .. "}")
    file:close()
    server:signal("sighup")
    assert.equal("SERVING", next_status(connection, 1))
  end)

  it("refuses what is no request", function()
    start ""
    local number = -1
    local function refusal(bytes, end_stream)
      number = number + 2
      connection:headers(number, http2.request_headers(WATCH))
      connection:data(number, bytes, end_stream)
      local answer = assert(connection:answer(number))
      assert.equal("", answer.data)
      return answer.status
    end
    for _, bytes in ipairs { "\xff", "\10\5x", "\10\1\xff", "\10\1\0" } do
      assert.equal(INVALID_ARGUMENT, refusal(http2.message(bytes)))
    end
    assert.equal(RESOURCE_EXHAUSTED, refusal(http2.message(protobuf.field(1, ("x"):rep(5000)))))
    assert.equal(UNIMPLEMENTED, refusal("", true))
    assert.equal(UNIMPLEMENTED, refusal("\0\0\0", true))
  end)

  it("is limited in number, and there is room again when a client goes", function()
    start ""
    for i = 1, 64 do
      watch(connection, 2 * i - 1, "")
      assert.equal("SERVING", next_status(connection, 2 * i - 1))
    end
    local other = http2.start(server.socket)
    watch(other, 1, "")
    local answer = assert(other:answer(1))
    assert.same({ RESOURCE_EXHAUSTED, "too many streams of this method are open" },
      { answer.status, answer.message })
    connection:close()
    local number = 1
    assert(wait.for_(function()
      number = number + 2
      watch(other, number, "")
      return next_status(other, number) == "SERVING"
    end))
    other:close()
    connection = http2.start(server.socket)
  end)

  it("that is reset at any moment harms nobody", function()
    start "Probe = function() csi.sleep(0.01) return {} end"
    for number = 1, 199, 2 do
      watch(connection, number, number % 3 == 0 and "nope" or "")
      if number % 4 == 1 then
        next_status(connection, number)
      end
      connection:reset(number)
    end
    watch(connection, 201, "")
    assert.equal("SERVING", next_status(connection, 201))
  end)
end)

describe("a shutdown", function()
  local connection

  local function assert_ends_at_once()
    local start = uv.hrtime()
    server:signal("sigterm")
    assert.equal(0, server.process:wait())
    assert((uv.hrtime() - start) / 1e9 < 20, "the shutdown waited")
  end

  after_each(function()
    connection:close()
    host.teardown()
  end)

  it("tells those who watch, and does not wait for them", function()
    serve("", { "--grace", "60s" })
    connection = http2.start(server.socket)
    watch(connection, 1, "")
    watch(connection, 3, "nope")
    assert.equal("SERVING", next_status(connection, 1))
    assert.equal("SERVICE_UNKNOWN", next_status(connection, 3))
    assert_ends_at_once()
    for number = 1, 3, 2 do
      local answer = assert(connection:answer(number))
      assert.same({ UNAVAILABLE, "the server stops" }, { answer.status, answer.message })
    end
  end)

  it("lets a Check be answered", function()
    serve("Probe = function() csi.log.info('asked') csi.sleep(0.5) return {} end", { "--grace", "60s" })
    connection = http2.start(server.socket)
    connection:headers(1, http2.request_headers(CHECK))
    connection:data(1, request(""), true)
    server:wait_log '"asked"'
    assert_ends_at_once()
    assert.equal(OK, assert(connection:answer(1)).status)
  end)

  it("cancels a Check when the grace is over", function()
    serve("Probe = function() csi.log.info('asked') csi.sleep(20) return {} end", { "--grace", "100ms" })
    connection = http2.start(server.socket)
    connection:headers(1, http2.request_headers(CHECK))
    connection:data(1, request(""), true)
    watch(connection, 3, "")
    server:wait_log '"asked"'
    local start = uv.hrtime()
    assert_ends_at_once()
    assert((uv.hrtime() - start) / 1e9 < 2.5, "the shutdown waited for Probe") -- which has three seconds
  end)
end)
