-- luacsi.v1.Control as JSON over HTTP: the same as over gRPC, for whoever has no gRPC; and what is refused.

local control = require "spec.support.control"
local host = require "spec.support.host"
local http = require "spec.support.http"
local json = require("luacsi").json
local wait = require "spec.support.wait"

local SCRIPT = [[
local csi = require "csi"
return {
  GetPluginInfo = { name = "http.example.com", vendor_version = "1" },
  CreateVolume = function(request)
    if request.name == "busy" then csi.fail("ABORTED", "as asked") end
    return { volume = { volume_id = request.name } }
  end,
}
]]

local server, port, csi

local function start(flags, where)
  flags = table.move(flags or {}, 1, #(flags or {}), 3, { "--http-control", where or "loopback" })
  server, port = http.serve { script = SCRIPT, flags = flags }
  csi = server:connect()
end

-- Sends a POST and goes on. headers: a list of lines instead of the usual ones.
local function start_post(method, body, headers)
  local lines = headers or { "Host: localhost", "Content-Type: application/json" }
  return http.send(port, ("POST /control/v1/%s HTTP/1.1\r\n%s\r\nContent-Length: %d\r\n\r\n%s")
    :format(method, table.concat(lines, "\r\n"), #body, body))
end

local function finish(connection)
  local answer = assert(http.answer(connection))
  local is_json = answer.headers["content-type"] == "application/json"
  return answer.code, is_json and json.decode(answer.body) or answer.body, answer
end

local function post(method, request, headers)
  local body = type(request) == "string" and request or json.encode(request or {})
  return finish(start_post(method, body, headers))
end

local function must(method, request)
  local code, reply = post(method, request)
  assert.equal(200, code, json.encode(reply))
  return reply
end

after_each(host.teardown)

describe("control over HTTP", function()
  it("shows the calls, with requests and replies as they are", function()
    start()
    csi:call("CreateVolume", { name = "a", secrets = { key = "TOPSECRET" } })
    csi:call("CreateVolume", { name = "busy" })
    local reply = must("calls", { filter = { method = "CreateVolume", request = { name = "a" } } })
    assert.equal(1, #reply.calls)
    assert.same({ name = "a", secrets = "***stripped***" }, reply.calls[1].request)
    assert.same({ volume = { volume_id = "a" } }, reply.calls[1].reply)
    local all = json.decode(assert(http.get(port, "/control/v1/calls")).body)
    assert.equal(2, #all.calls)
    assert.equal(json.null, all.calls[2].reply)
    assert.equal("ABORTED", all.calls[2].status)
  end)

  it("does all that gRPC does", function()
    start()
    csi:call("CreateVolume", { name = "a" })
    assert.is_true(must("verify", { filter = { method = "CreateVolume" }, exactly = 1 }).verified)
    local verdict = must("verify", { order = { { method = "Probe" } } })
    assert.is_false(verdict.verified)
    assert.same({}, must("load", { script = "return { Probe = { ready = false } }" }))
    assert.is_false(csi:call("Probe").ready)
    must("load", { file = true })
    must("set-config", { key = "a", value = "b" })
    must("create-session", { session = "s" })
    assert.is_true(csi:call("Probe", {}, { metadata = { ["luacsi-session"] = "s" } }).ready)
    assert.equal(2, #json.decode(http.get(port, "/control/v1/status").body).sessions)
    must("end-session", { session = "s" })
    must("reset")
    assert.same({}, must("calls").calls)
    local code, failure = post("advance", { milliseconds = 1 })
    assert.same({ 400, "FAILED_PRECONDITION" }, { code, failure.code })
  end)

  it("waits for calls", function()
    start()
    local connection = start_post("calls", json.encode { at_least = 1, timeout_ms = 60000 })
    assert.truthy(wait.for_(function()
      return json.decode(http.get(port, "/control/v1/status").body).waiting == 1
    end))
    csi:call("Probe")
    local code, reply = finish(connection)
    assert.same({ 200, 1, false }, { code, #reply.calls, reply.timed_out })
  end)

  it("ends what waits when the process does", function()
    start()
    local connection = start_post("calls", json.encode { at_least = 1, timeout_ms = 60000 })
    assert.truthy(wait.for_(function()
      return json.decode(http.get(port, "/control/v1/status").body).waiting == 1
    end))
    local code = post("stop")
    assert.equal(200, code)
    local stopped, failure = finish(connection)
    assert.same({ 503, "the server stops" }, { stopped, failure.message })
    server:stop()
  end)

  it("and over gRPC are one", function()
    local socket = host.folder() .. "/control.sock"
    start { "--control", "unix://" .. socket }
    csi:call("Probe")
    local client <close> = assert(require("luacsi").connect("unix://" .. socket))
    assert.same({ { 1 } }, control.fields(client:call("luacsi.v1.Control/Calls"), "sequence"))
    client:call("luacsi.v1.Control/Reset")
    assert.same({}, must("calls").calls)
  end)

  it("takes a script as large as gRPC does", function()
    start()
    must("load", { script = "return {} --" .. ("x"):rep(1 << 20) })
  end)
end)

describe("control over HTTP refuses", function()
  before_each(function() start() end)

  local function refused(expected, text, method, body, headers)
    local code, answer = post(method, body, headers)
    assert.equal(expected, code)
    assert.matches(text, type(answer) == "table" and answer.message or answer, 1, true)
  end

  it("what is no JSON, or says what no request says", function()
    refused(400, "JSON, line 1, column 1: string or '}' expected", "calls", "{")
    refused(400, "JSON, line 1, column 1", "calls", "x")
    refused(400, "expected", "calls", "[]")
    refused(400, 'CallsRequest: no field is called "sinc" (did you mean since?)', "calls", { sinc = 1 })
    refused(400, "CallsRequest.since: expected integer, got string", "calls", { since = "x" })
    refused(400, "request: expected a JSON object", "calls", { filter = { request = 1 } })
    refused(400, "order[1]: CSI has no method Prob (did you mean Probe?)", "verify",
      { order = { { method = "Prob" } } })
    refused(400, "pushed.lua:1: ", "load", { script = "return {" })
    refused(404, 'there is no session "x"', "calls", { session = "x" })
    for i = 1, 16 do
      must("create-session", { session = "s" .. i })
    end
    refused(429, "there are 16 sessions", "create-session", { session = "one-more" })
    refused(409, 'there is a session "s1" already', "create-session", { session = "s1" })
  end)

  it("what it does not know", function()
    refused(404, "try /control/v1/status", "nothing", {})
    assert.equal(404, http.get(port, "/control/").code)
    assert.equal(404, http.get(port, "/control/v2/calls").code)
    assert.equal(404, http.get(port, "/control/v1/Calls").code)
  end)

  it("changes by GET, and other methods", function()
    local answer = http.get(port, "/control/v1/reset")
    assert.same({ 405, "POST" }, { answer.code, answer.headers.allow })
    assert.equal(405, http.get(port, "/control/v1/stop").code)
    answer = http.get(port, "/control/v1/calls", "DELETE")
    assert.same({ 405, "GET, HEAD" }, { answer.code, answer.headers.allow })
    answer = http.get(port, "/healthz", "POST")
    assert.same({ 405, "GET, HEAD" }, { answer.code, answer.headers.allow })
  end)

  it("what a web page could send", function()
    local JSON = "Content-Type: application/json"
    refused(403, "not from a web page", "reset", {}, { "Host: localhost", JSON, "Origin: http://localhost" })
    refused(403, "expected an address or localhost as Host", "reset", {}, { "Host: evil.example.com", JSON })
    refused(415, "expected Content-Type: application/json", "reset", {}, { "Host: localhost" })
    refused(415, "expected Content-Type: application/json", "reset", {},
      { "Host: localhost", "Content-Type: text/plain" })
    for _, name in ipairs { "127.0.0.1", "127.0.0.1:" .. port, "[::1]:80", "LOCALHOST:80" } do
      assert.equal(200, (post("calls", {}, { "Host: " .. name, JSON .. "; charset=utf-8" })))
    end
  end)

  it("a body that is too large, without keeping it", function()
    refused(413, "the body is too large", "load", ("x"):rep(5 << 20))
    must("calls")
  end)

  it("no half a request: it is forgotten", function()
    for _ = 1, 5 do
      local connection = http.send(port, "POST /control/v1/calls HTTP/1.1\r\nHost: localhost\r\n"
        .. "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
      wait.for_(function() return not connection.handle:is_active() end, 0.05)
      http.close(connection)
    end
    must("calls")
  end)
end)

describe("--http-control", function()
  it("is off unless asked for", function()
    server, port = http.serve { script = SCRIPT }
    assert.equal(404, http.get(port, "/control/v1/calls").code)
    assert.equal(405, http.get(port, "/control/v1/calls", "POST").code)
  end)

  it("needs an endpoint that only this host can reach", function()
    for _, endpoint in ipairs { ":9808", "0.0.0.0:9808", "[::]:9808", "192.0.2.1:9808" } do
      local refused = host.serve_refused { script = SCRIPT,
        flags = { "--http-control", "loopback", "--http-endpoint", endpoint } }
      assert.equal(2, refused.code)
      assert.equal("luacsi serve: --http-control: expected an --http-endpoint that only this host can reach, "
        .. "such as 127.0.0.1:9808, got " .. endpoint .. "; --http-control=any lets all of them in\n",
        refused.stderr)
    end
    local refused = host.serve_refused { script = SCRIPT, flags = { "--http-control", "loopback" } }
    assert.same({ 2, "luacsi serve: --http-control needs --http-endpoint\n" },
      { refused.code, refused.stderr })
  end)

  it("may let all in, by any name", function()
    start(nil, "any")
    assert.equal(200, (post("calls", {}, { "Host: double.example.com", "Content-Type: application/json" })))
    assert.equal(403, (post("calls", {},
      { "Host: double.example.com", "Content-Type: application/json", "Origin: http://double.example.com" })))
  end)
end)
