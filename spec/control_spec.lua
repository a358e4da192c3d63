-- luacsi.v1.Control: what the process was asked.

local control = require "spec.support.control"
local host = require "spec.support.host"
local http2 = require "spec.support.http2"
local json = require("luacsi").json
local wait = require "spec.support.wait"

local SCRIPT = [[
local csi = require "csi"
local made = 0
return {
  GetPluginInfo = { name = "control.example.com", vendor_version = "1" },
  CreateVolume = function(request)
    made = made + 1
    if request.name == "busy" then
      csi.fail("ABORTED", "as asked")
    end
    return { volume = { volume_id = request.name .. made, capacity_bytes = 7 } }
  end,
  DeleteVolume = function() error "a mistake" end,
}
]]

local server, csi

local function start(options)
  options = options or {}
  options.script = options.script or SCRIPT
  server = control.serve(options)
  csi = server:connect()
  return server
end

local function create(name, more, options)
  local request = more or {}
  request.name = name
  return csi:call("CreateVolume", request, options)
end

local function calls(request)
  return server:must("Calls", request)
end

-- `luacsi call` on the control socket, which goes on while the spec does.
local function start_call(method, request)
  return host.start { "call", "luacsi.v1.Control/" .. method, json.encode(request), "--json",
    "--endpoint", server.control_endpoint, "--timeout", "0" }
end

local function finish(child)
  child:wait()
  child.done = true
  return json.decode(child:stdout())
end

describe("the calls that were answered", function()
  after_each(host.teardown)

  it("are kept, with all that is to be known of them", function()
    start()
    create("a", { capacity_range = { required_bytes = 5 }, parameters = { kind = "fast" } },
      { metadata = { ["csi.requestid"] = "mine", trace = "t1" } })
    local call = calls().calls[1]
    assert.same({ 1, "/csi.v1.Controller/CreateVolume", "mine", "OK", "", "function", false, "" },
      { call.sequence, call.method, call.id, call.status, call.message, call.handler, call.cut,
        call.session })
    assert.same({ name = "a", capacity_range = { required_bytes = 5 }, parameters = { kind = "fast" } },
      json.decode(call.request_json))
    assert.same({ volume = { volume_id = "a1", capacity_bytes = 7 } }, json.decode(call.reply_json))
    assert.equal("t1", call.metadata.trace)
    assert.matches("script%.lua:5$", call.place)
    assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d", call.time)
    assert.is_true(call.duration_us >= 0)
  end)

  it("say who answered", function()
    start()
    csi:call("GetPluginInfo")
    csi:call("Probe")
    create("a")
    csi:call("NodeGetInfo")
    csi:call("NodePublishVolume")
    assert.same({ "constant", "default", "function", "default", "none" }, (function()
      local names = {}
      for i, call in ipairs(calls().calls) do
        names[i] = call.handler
      end
      return names
    end)())
    assert.matches("script%.lua:4$", calls().calls[1].place)
    assert.equal("", calls().calls[2].place)
  end)

  it("have their status and its message", function()
    start()
    create("busy")
    csi:call("DeleteVolume", { volume_id = "x" })
    csi:call("NodePublishVolume")
    local reply = calls()
    assert.same({ "ABORTED", "as asked", "" },
      { reply.calls[1].status, reply.calls[1].message, reply.calls[1].reply_json })
    assert.equal("INTERNAL", reply.calls[2].status)
    assert.matches("a mistake", reply.calls[2].message)
    assert.equal("UNIMPLEMENTED", reply.calls[3].status)
  end)

  it("hold no secrets", function()
    start()
    create("a", { secrets = { key = "TOPSECRET" } }, { metadata = { authorization = "Bearer TOPSECRET" } })
    local call = calls().calls[1]
    assert.equal("***stripped***", json.decode(call.request_json).secrets)
    assert.equal("***stripped***", call.metadata.authorization)
    for _, text in pairs(call) do
      assert.is_nil(tostring(text):find("TOPSECRET", 1, true))
    end
  end)

  it("are those of CSI alone", function()
    start()
    csi:call("luacsi.v1.Host/GetStatus")
    csi:call("grpc.health.v1.Health/Check")
    server:must("Status")
    csi:call("Probe")
    assert.same({ { "/csi.v1.Identity/Probe", 1 } }, control.fields(calls(), "method", "sequence"))
  end)

  it("show metadata that is no text in base64, and a key that comes twice with both values", function()
    start()
    local connection = http2.start(server.socket)
    connection:headers(1, http2.request_headers("/csi.v1.Identity/Probe", nil,
      { { "twice", "one" }, { "twice", "two" }, { "raw-bin", "AP8" } }))
    connection:data(1, http2.message(""), true)
    assert.equal(0, assert(connection:answer(1)).status)
    connection:close()
    local metadata = calls().calls[1].metadata
    assert.equal("one,two", metadata.twice)
    assert.equal("AP8=", metadata["raw-bin"])
  end)

  it("are cut where they are too large, and stay JSON", function()
    start()
    create("large", { parameters = { text = ("x"):rep(100000) } })
    local call = calls().calls[1]
    assert.is_true(call.cut)
    assert.equal("large", json.decode(call.request_json).name)
  end)

  it("are found by method, status and what is in the request", function()
    start()
    create("a", { parameters = { kind = "fast", zone = "1" }, capacity_range = { required_bytes = 5 } })
    create("b", { parameters = { kind = "slow" } })
    create("busy")
    csi:call("Probe")
    local function found(filter)
      return control.fields(calls { filter = filter }, "sequence")
    end
    assert.same({ { 1 }, { 2 }, { 3 } }, found { method = "CreateVolume" })
    assert.same({ { 4 } }, found { method = "csi.v1.Identity/Probe" })
    assert.same({ { 3 } }, found { status = "ABORTED" })
    assert.same({ { 1 } }, found { request_json = '{"parameters":{"kind":"fast"}}' })
    assert.same({ { 1 } }, found { request_json = '{"capacity_range":{"required_bytes":5,"limit_bytes":0}}' })
    assert.same({ { 2 } }, found { request_json = '{"name":"b","capacity_range":null}' })
    assert.same({}, found { request_json = '{"name":"a","parameters":{"kind":"slow"}}' })
    assert.same({ { 1 }, { 2 } }, found { method = "CreateVolume", request_json = "{}", status = "OK" })
  end)

  it("come page by page", function()
    start()
    for i = 1, 5 do
      create("v" .. i)
    end
    local first = calls { limit = 2 }
    assert.same({ { 1 }, { 2 } }, control.fields(first, "sequence"))
    assert.same({ 2, true }, { first.last, first.more })
    local second = calls { since = first.last, limit = 2 }
    assert.same({ { 3 }, { 4 } }, control.fields(second, "sequence"))
    local third = calls { since = second.last, limit = 2 }
    assert.same({ { 5 } }, control.fields(third, "sequence"))
    assert.same({ 5, false }, { third.last, third.more })
    assert.same({}, calls({ since = 5 }).calls)
    assert.same({}, calls({ since = 500 }).calls)
    assert.same({}, calls({ since = math.maxinteger }).calls)
  end)

  it("fit into a message that clients take", function()
    start()
    for i = 1, 60 do
      create("v" .. i, { parameters = { text = ("x"):rep(60000) } })
    end
    local n, since = 0, 0
    repeat
      local reply = calls { since = since }
      assert.is_true(#reply.calls > 0)
      n, since = n + #reply.calls, reply.last
    until not reply.more
    assert.equal(60, n)
  end)

  it("are lost when too many come, and it says how many", function()
    start { flags = { "--calls", "3" } }
    for i = 1, 5 do
      create("v" .. i)
    end
    local reply = calls()
    assert.same({ { 3 }, { 4 }, { 5 } }, control.fields(reply, "sequence"))
    assert.equal(2, reply.lost)
    assert.equal(1, calls({ since = 1 }).lost)
    assert.equal(0, calls({ since = 2 }).lost)
    assert.equal(2, server:must("Status").sessions[1].lost)
  end)

  it("are bounded in their memory, too", function()
    start()
    local text = ("x"):rep(60000)
    for i = 1, 320 do -- 19 MB
      create("v" .. i, { parameters = { text = text } })
    end
    local status = server:must("Status").sessions[1]
    assert.equal(320, status.last)
    assert.is_true(status.calls < 300 and status.calls > 200, status.calls)
    assert.equal(320, status.calls + status.lost)
  end)
end)

describe("waiting for calls", function()
  after_each(host.teardown)

  it("ends when enough have come", function()
    start()
    create("a")
    local child = start_call("Calls", { filter = { method = "CreateVolume", status = "OK" }, at_least = 3,
      timeout_ms = 60000 })
    create("b")
    create("busy")
    create("c")
    local reply = finish(child)
    assert.is_false(reply.timed_out)
    assert.same({ { 1 }, { 2 }, { 4 } }, control.fields(reply, "sequence"))
  end)

  it("is no waiting when they are there", function()
    start()
    create("a")
    assert.same({ { 1 } }, control.fields(calls { at_least = 1 }, "sequence"))
  end)

  it("ends with what has come when the time is over", function()
    start()
    create("a")
    local reply = calls { at_least = 2, timeout_ms = 10 }
    assert.is_true(reply.timed_out)
    assert.same({ { 1 } }, control.fields(reply, "sequence"))
  end)

  local function wait_waiting(n)
    assert.truthy(wait.for_(function() return server:must("Status").waiting == n end))
  end

  it("is given up with its caller", function()
    start()
    local child = start_call("Calls", { at_least = 1, timeout_ms = 60000 })
    wait_waiting(1)
    child:signal("sigkill")
    child:wait()
    child.done = true
    wait_waiting(0)
    create("a")
    assert.equal(1, #calls().calls)
  end)

  it("ends when the process does", function()
    start()
    local child = start_call("Calls", { at_least = 1, timeout_ms = 600000 })
    wait_waiting(1)
    server:stop()
    assert.same({ code = "UNAVAILABLE", message = "the server stops" }, finish(child))
  end)

  it("does not outlive its session", function()
    start()
    server:must("CreateSession", { session = "s" })
    local child = start_call("Calls", { session = "s", at_least = 1, timeout_ms = 600000 })
    wait_waiting(1)
    server:must("EndSession", { session = "s" })
    assert.same({ code = "ABORTED", message = "the session has ended" }, finish(child))
  end)
end)

describe("a question about calls", function()
  before_each(function() start() end)
  after_each(host.teardown)

  local function refused(message, request)
    server:assert_fails("INVALID_ARGUMENT", message, "Calls", request)
  end

  it("that makes no sense is refused", function()
    refused("CSI has no method CreateVolum (did you mean CreateVolume?)",
      { filter = { method = "CreateVolum" } })
    refused('expected the name of a status such as ABORTED, got "BROKEN"', { filter = { status = "BROKEN" } })
    refused("request: expected a JSON object", { filter = { request_json = "[]" } })
    refused('request: CreateVolumeRequest: no field is called "nam" (did you mean name?)',
      { filter = { method = "CreateVolume", request_json = '{"nam":"a"}' } })
    refused("request: CreateVolumeRequest.name: expected string, got number 1",
      { filter = { method = "CreateVolume", request_json = '{"name":1}' } })
    refused("expected since, at_least and limit not to be negative", { since = -1 })
    refused("expected since, at_least and limit not to be negative", { at_least = -1 })
    refused("timeout_ms: expected 0 to 86400000, got -1", { timeout_ms = -1 })
    refused("timeout_ms: expected 0 to 86400000, got 86400001", { timeout_ms = 86400001 })
    server:assert_fails("NOT_FOUND", 'there is no session "none": make it first with CreateSession', "Calls",
      { session = "none" })
  end)

  it("that is no JSON is refused with its place", function()
    local _, code, message = server:control("Calls", { filter = { request_json = '{"name": }' } })
    assert.equal("INVALID_ARGUMENT", code)
    assert.matches("^request: line 1, column 10: ", message)
  end)

  it("that is no message is refused", function()
    local connection = http2.start(server.control_socket)
    connection:headers(1, http2.request_headers("/luacsi.v1.Control/Calls"))
    connection:data(1, http2.message("\255\255\255"), true)
    assert.equal(13, assert(connection:answer(1)).status)
    connection:close()
    server:must("Status")
  end)
end)

describe("verify", function()
  before_each(function()
    start()
    csi:call("Probe")
    create("a", { parameters = { kind = "fast" } })
    create("busy")
    create("b")
  end)
  after_each(host.teardown)

  local function verified(request)
    local reply = server:must("Verify", request)
    assert.same({ true, "" }, { reply.verified, reply.reason })
    assert.same({}, reply.calls)
  end

  local function not_verified(reason, request)
    local reply = server:must("Verify", request)
    assert.same({ false, reason }, { reply.verified, reply.reason })
    return reply
  end

  local CREATE = { method = "CreateVolume" }

  it("counts", function()
    verified { filter = CREATE }
    verified { filter = CREATE, exactly = 3 }
    verified { filter = CREATE, at_least = 3 }
    verified { filter = CREATE, at_most = 3 }
    verified { filter = CREATE, at_least = 2, at_most = 4 }
    verified { filter = { method = "DeleteVolume" }, exactly = 0 }
    verified { filter = { status = "ABORTED", request_json = '{"name":"busy"}' }, exactly = 1 }
    verified { since = 2, filter = CREATE, exactly = 2 }
    verified { exactly = 4 }
  end)

  it("says what was expected, and what came instead", function()
    local reply = not_verified("expected exactly 2 calls of CreateVolume, got 3",
      { filter = CREATE, exactly = 2 })
    assert.same({ { 2 }, { 3 }, { 4 } }, control.fields(reply, "sequence"))
    reply = not_verified("expected no calls of Probe, got 1", { filter = { method = "Probe" }, exactly = 0 })
    assert.same({ { 1 } }, control.fields(reply, "sequence"))
    not_verified("expected at most 1 call of CreateVolume, got 3", { filter = CREATE, at_most = 1 })
    not_verified("expected at least 4 and at most 9 calls of CreateVolume, got 3",
      { filter = CREATE, at_least = 4, at_most = 9 })
  end)

  it("says what is different in the newest call of that method", function()
    not_verified('expected at least 1 call of CreateVolume with {"name":"c"}, got 0; '
      .. 'call 4 request.name is "b"',
      { filter = { method = "CreateVolume", request_json = '{"name":"c"}' } })
    not_verified('expected at least 1 call of CreateVolume with {"parameters":{"kind":"slow"}}, got 0; '
      .. "call 4 request.parameters is not there",
      { filter = { method = "CreateVolume", request_json = '{"parameters":{"kind":"slow"}}' } })
    not_verified("expected at least 1 call of CreateVolume that ended in INTERNAL, got 0; call 4 ended in OK",
      { filter = { method = "CreateVolume", status = "INTERNAL" } })
    local reply = not_verified("expected at least 1 call of DeleteVolume, got 0; call 4 is of CreateVolume",
      { filter = { method = "DeleteVolume" } })
    assert.same({ { 1 }, { 2 }, { 3 }, { 4 } }, control.fields(reply, "sequence"))
  end)

  it("looks for an order", function()
    verified { order = { { method = "Probe" }, CREATE, CREATE } }
    verified { order = { { request_json = '{"name":"a"}' }, { request_json = '{"name":"b"}' } } }
    local reply = not_verified("expected a call of Probe behind call 3 (2 of 2 in the order), got none",
      { order = { { status = "ABORTED" }, { method = "Probe" } } })
    assert.equal(1, reply.matched)
    not_verified("expected a call of DeleteVolume (1 of 1 in the order), got none",
      { order = { { method = "DeleteVolume" } } })
  end)

  it("is not sure of what was lost", function()
    server:stop()
    start { flags = { "--calls", "2" } }
    create("a")
    create("b")
    create("c")
    local lost = "; 1 call was lost, because more came than --calls keeps"
    not_verified("expected exactly 2 calls of CreateVolume, got 2" .. lost, { filter = CREATE, exactly = 2 })
    not_verified("expected no calls of Probe, got 0" .. lost, { filter = { method = "Probe" }, exactly = 0 })
    verified { filter = CREATE, at_least = 2 }
    verified { since = 1, filter = CREATE, exactly = 2 }
  end)

  it("refuses what makes no sense", function()
    local function refused(message, request)
      server:assert_fails("INVALID_ARGUMENT", message, "Verify", request)
    end
    refused("expected exactly, or at_least and at_most, got both", { exactly = 1, at_least = 1 })
    local both = "expected either an order or a filter and counts, got both"
    refused(both, { order = { CREATE }, exactly = 1 })
    refused(both, { order = { CREATE }, filter = CREATE })
    refused("exactly: expected 0 or more, got -1", { exactly = -1 })
    refused("since: expected 0 or more, got -1", { since = -1 })
    refused("order[2]: CSI has no method Prob (did you mean Probe?)",
      { order = { CREATE, { method = "Prob" } } })
  end)
end)
