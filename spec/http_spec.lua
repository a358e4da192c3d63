-- The HTTP endpoint of a serving process: what each path answers, and that nothing which is asked there
-- keeps CSI calls waiting.

local host = require "spec.support.host"
local http = require "spec.support.http"
local luacsi = require "luacsi"
local process = require "spec.support.process"
local uv = require "luv"
local wait = require "spec.support.wait"

local TEXT = "text/plain; charset=utf-8"
local PATHS = { "/healthz", "/readyz", "/livez", "/metrics", "/version" }

local INFO = 'GetPluginInfo = { name = "http.example.com", vendor_version = "1" },'

local port

-- A server whose Probe has this body.
local function serve(probe, flags)
  local server
  server, port = http.serve {
    script = ([[
      local csi = require "csi"
      return { %s Probe = function(request, context) %s end }
    ]]):format(INFO, probe),
    flags = flags,
  }
  return server
end

local function get(path)
  return http.get(port, path)
end

local function assert_answer(code, body, path)
  local answer = get(path)
  assert.same({ code, body }, { answer.code, answer.body }, path)
  assert.equal(TEXT, answer.headers["content-type"])
end

describe("the HTTP endpoint", function()
  after_each(host.teardown)

  it("answers each path", function()
    serve "return { ready = true }"
    assert_answer(200, "ok", "/healthz")
    assert_answer(200, "ok", "/readyz")
    assert_answer(200, "ok", "/livez")
    local version = get "/version"
    assert.equal("application/json", version.headers["content-type"])
    assert.same({ version = "0.1.0", csi = "1.12.0" }, luacsi.json.decode(version.body))
    local metrics = get "/metrics"
    assert.equal(200, metrics.code)
    assert.equal("text/plain; version=0.0.4; charset=utf-8", metrics.headers["content-type"])
  end)

  it("is told not to be cached, and says how long it is", function()
    serve "return {}"
    for _, path in ipairs(PATHS) do
      local answer = get(path)
      assert.equal("no-store", answer.headers["cache-control"])
      assert.equal(#answer.body, tonumber(answer.headers["content-length"]), path)
    end
  end)

  it("answers HEAD without a body", function()
    serve "return {}"
    local answer = http.get(port, "/healthz", "HEAD")
    assert.same({ 200, "", "2" }, { answer.code, answer.body, answer.headers["content-length"] })
  end)

  it("takes a query along", function()
    serve "return {}"
    assert_answer(200, "ok", "/healthz?verbose=1")
  end)

  it("knows no other paths, and only GET and HEAD", function()
    serve "return {}"
    for _, path in ipairs { "/", "/health", "/healthz/", "/HEALTHZ", "//healthz", "/../healthz" } do
      assert_answer(404, "try /healthz, /livez, /readyz, /metrics or /version\n", path)
    end
    for _, method in ipairs { "POST", "PUT", "DELETE", "OPTIONS", "get", "XYZZY" } do
      local answer = http.get(port, "/healthz", method)
      assert.same({ 405, "GET, HEAD" }, { answer.code, answer.headers.allow }, method)
    end
  end)

  it("listens on all addresses without one", function()
    port = host.free_port()
    host.serve { flags = { "--http-endpoint", ":" .. port } }
    http.wait_for(port)
    assert_answer(200, "ok", "/livez")
  end)

  it("listens on IPv6", function()
    port = host.free_port()
    host.serve { flags = { "--http-endpoint", "[::1]:" .. port } }
    assert.truthy(wait.for_(function() return host.listens("tcp://[::1]:" .. port) end))
  end)

  it("is off unless asked for", function()
    local server = host.serve { file = "examples/hello.lua" }
    local lines = process.read_file("/proc/" .. server.process.pid .. "/maps")
    assert.is_nil(lines:find("microhttpd", 1, true))
  end)
end)

describe("/healthz", function()
  after_each(host.teardown)

  it("is 500 while the driver is not ready, which /livez does not mind", function()
    serve "return { ready = false }"
    assert_answer(500, "not ready", "/healthz")
    assert_answer(500, "not ready", "/readyz")
    assert_answer(200, "ok", "/livez")
  end)

  it("is 500 with the reason when Probe fails", function()
    serve 'csi.fail("FAILED_PRECONDITION", "kernel module rbd is not loaded")'
    assert_answer(500, "FAILED_PRECONDITION: kernel module rbd is not loaded", "/healthz")
    assert_answer(200, "ok", "/livez")
  end)

  it("is 500 when the script fails", function()
    serve 'error("oops", 0)'
    assert_answer(500, "INTERNAL: Probe: the script failed: oops", "/healthz")
  end)

  it("is 200 where the reply leaves ready open", function()
    serve "return {}"
    assert_answer(200, "ok", "/healthz")
  end)

  it("asks a constant, too", function()
    port = select(2, http.serve { script = "return { " .. INFO .. " Probe = { ready = false } }" })
    assert_answer(500, "not ready", "/healthz")
  end)

  it("tells the script that no client asks", function()
    serve 'csi.fail("ABORTED", context.id .. " " .. context.peer .. " " .. context.method)'
    assert_answer(500, "ABORTED: probe luacsi Probe", "/healthz")
  end)

  it("answers 500 in time while the handler waits; all who ask share one run", function()
    serve "csi.sleep(60)"
    local start = uv.hrtime()
    local waiting = {}
    for i = 1, 20 do
      waiting[i] = http.start(port, "/healthz")
    end
    assert_answer(200, "ok", "/livez")
    assert.is_true(uv.hrtime() - start < 2.5e9)
    for _, connection in ipairs(waiting) do
      local answer = http.answer(connection)
      assert.same({ 500, "DEADLINE_EXCEEDED: the handler took longer than it may" },
        { answer.code, answer.body })
    end
    assert.is_true(uv.hrtime() - start < 6e9)
  end)

  it("answers 500 in time while the handler computes for ever", function()
    serve("while true do end", { "--handler-cpu", "50ms" })
    assert_answer(500, "DEADLINE_EXCEEDED: the handler computed for longer than it may", "/healthz")
    assert_answer(200, "ok", "/livez")
  end)

  it("answers 500 in time while the handler is stuck inside a C function", function()
    serve('string.find(("a"):rep(3000), ("a-"):rep(6) .. "b")', { "--handler-cpu", "200ms" })
    assert_answer(500, "DEADLINE_EXCEEDED: the handler is stuck and was given up", "/healthz")
    assert_answer(200, "ok", "/livez")
  end)
end)

describe("a HTTP client that is", function()
  local server, client

  before_each(function()
    server = serve "return { ready = true }"
    client = server:connect()
  end)

  after_each(host.teardown)

  local function assert_calls_go_on()
    for _ = 1, 20 do
      assert.same({ ready = true }, assert(client:call("Probe", {}, { timeout = 2 })))
    end
  end

  local function assert_unharmed(connections)
    assert_calls_go_on()
    for _, connection in ipairs(connections) do
      http.close(connection)
    end
    assert.truthy(wait.for_(function()
      local answer = get "/healthz"
      return answer and answer.code == 200
    end))
    assert.same({}, { server:log():match("HTTP") })
  end

  it("slow, a hundred times over", function()
    local connections = {}
    for i = 1, 100 do
      connections[i] = http.send(port, i % 2 == 0 and "" or "GET /heal")
    end
    assert_unharmed(connections)
  end)

  it("gone before the answer", function()
    for _ = 1, 50 do
      local connection = http.start(port, "/metrics")
      wait.for_(function() return connection.handle:is_writable() end)
      http.close(connection)
    end
    assert_unharmed {}
  end)

  it("talking garbage", function()
    local garbage = {
      "\0\1\2\3\255\254\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET\r\n\r\n", "\r\n\r\n\r\n\r\n",
      "GET /healthz HTTP/9.9\r\n\r\n", "GET /healthz HTTP/1.1\r\nno colon\r\n\r\n",
      "GET /" .. ("x"):rep(20000) .. " HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET /healthz HTTP/1.1\r\n" .. ("A: b\r\n"):rep(5000) .. "\r\n",
      "POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\nx",
      "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
      "POST /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzzzz\r\n",
      "GET /%00%ff%zz HTTP/1.1\r\nHost: x\r\n\r\n",
    }
    local connections = {}
    for i, bytes in ipairs(garbage) do
      connections[i] = http.send(port, bytes)
    end
    assert_unharmed(connections)
  end)

  it("asking as often as it can", function()
    for _, path in ipairs(PATHS) do
      local flood = process.start({ "lua5.4", "spec/support/flood.lua", tostring(port), path, "1" },
        { dir = uv.fs_realpath(host.folder() .. "/..") })
      while not flood.code do
        assert_calls_go_on()
        uv.run("nowait")
      end
      assert.equal(0, flood.code)
      assert.is_true(tonumber(flood:stdout()) > 0, path)
    end
    assert_unharmed {}
  end)
end)

describe("--http-endpoint", function()
  after_each(host.teardown)

  local function assert_refused(endpoint, line)
    local result = host.serve_refused { file = "examples/hello.lua", flags = { "--http-endpoint", endpoint } }
    assert.same({ 2, "", line .. "\n" }, { result.code, result.stdout, result.stderr })
  end

  it("refuses what is no address and port, in one line", function()
    local wrong = {
      "9808", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", ":x", ":", "localhost:9808",
      "http://127.0.0.1:9808", "127.0.0.1:9808/", "[::1:9808", "::1:9808",
    }
    local told = "luacsi serve: --http-endpoint: expected ADDRESS:PORT with a port from 1 to 65535, "
      .. "such as 127.0.0.1:9808 or :9808, got "
    for _, endpoint in ipairs(wrong) do
      assert_refused(endpoint, ('%s"%s"'):format(told, endpoint))
    end
  end)

  it("refuses an address that is taken, or is not ours, in one line", function()
    serve "return {}"
    assert_refused("127.0.0.1:" .. port,
      ("luacsi serve: cannot listen for HTTP on 127.0.0.1:%d: Address already in use"):format(port))
    assert_refused("192.0.2.1:9808",
      "luacsi serve: cannot listen for HTTP on 192.0.2.1:9808: Cannot assign requested address")
    assert_answer(200, "ok", "/livez")
  end)

  it("may be taken again at once", function()
    local server = serve "return {}"
    assert_answer(200, "ok", "/livez")
    server:stop()
    host.serve { flags = { "--http-endpoint", "127.0.0.1:" .. port } }
    http.wait_for(port)
    assert_answer(200, "ok", "/livez")
  end)
end)

describe("a server that stops while HTTP clients wait", function()
  after_each(host.teardown)

  it("answers them and ends", function()
    local server = serve "csi.sleep(60)"
    local waiting = {}
    for i = 1, 5 do
      waiting[i] = http.start(port, "/healthz")
    end
    assert_answer(200, "ok", "/livez") -- by now the others are being asked
    local start = uv.hrtime()
    server:stop()
    assert.is_true(uv.hrtime() - start < 2e9)
    for _, connection in ipairs(waiting) do
      local answer = http.answer(connection)
      assert.same({ 503, "the server stops\n" }, { answer.code, answer.body })
    end
  end)
end)
