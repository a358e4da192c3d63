-- The liveness driver: polls a driver's Probe, tells of it over HTTP.

local folder = require "spec.support.folder"
local host = require "spec.support.host"
local http = require "spec.support.http"
local log = require "spec.support.log"
local process = require "spec.support.process"
local prometheus = require "spec.support.prometheus"
local uv = require "luv"
local wait = require "spec.support.wait"

-- Probe does what a file says: "ready", "not ready", "open", "failed", "hangs".
local SCRIPT = [[
  local csi = require "csi"
  return {
    GetPluginInfo = { name = "liveness.example.com", vendor_version = "1" },
    Probe = function()
      local state = csi.read(csi.config.state)
      if state == "failed" then
        csi.fail("FAILED_PRECONDITION", "kernel module rbd is not loaded")
      elseif state == "hangs" then
        csi.sleep(60)
      end
      csi.log.info("asked")
      if state == "open" then
        return {}
      end
      return { ready = state == "ready" }
    end,
  }
]]

local dir, driver, driver_port, liveness, port

local function set(state)
  process.write_file(dir .. "/state", state)
end

local function serve(socket)
  driver, driver_port = http.serve {
    script = SCRIPT,
    socket = socket,
    flags = { "-v=5", "--set", "state=" .. dir .. "/state", "--allow-read", dir },
  }
end

-- Starts `luacsi liveness` against the driver, with these flags more.
local function start(flags)
  port = host.free_port()
  local arguments = {
    "liveness", "--csi-address", driver.endpoint,
    "--http-endpoint", "127.0.0.1:" .. port, "--polltime", "50ms",
  }
  liveness = host.start(table.move(flags or {}, 1, flags and #flags or 0, #arguments + 1, arguments))
  http.wait_for(port)
end

local function gauge(path)
  return prometheus.value(prometheus.parse(http.get(port, path or "/metrics").body), "csi_liveness")
end

local function wait_for_gauge(value)
  assert.truthy(wait.for_(function() return gauge() == value end), "csi_liveness is not " .. value)
end

local function assert_health(code, body)
  local answer = http.get(port, "/healthz")
  assert.same({ code, body }, { answer.code, answer.body })
end

local function setup()
  dir = folder.make { state = "ready" }
  serve()
end

local function teardown()
  if liveness and not liveness.code then
    liveness:signal "sigterm"
    assert.equal(0, liveness:wait())
  end
  liveness = nil
  host.teardown()
  folder.remove_all()
end

describe("csi_liveness", function()
  before_each(setup)
  after_each(teardown)

  it("follows the driver", function()
    start()
    wait_for_gauge(1)
    for _, state in ipairs { "not ready", "failed" } do
      set(state)
      wait_for_gauge(0)
      set "ready"
      wait_for_gauge(1)
    end
  end)

  it("is 1 where the reply leaves ready open", function()
    set "open"
    start()
    wait_for_gauge(1)
  end)

  it("is 0 when the driver does not answer within --timeout", function()
    start { "--timeout", "100ms" }
    wait_for_gauge(1)
    set "hangs"
    wait_for_gauge(0)
    set "ready"
    wait_for_gauge(1)
  end)

  it("is 0 while there is no driver, and comes back with it, however often", function()
    start()
    wait_for_gauge(1)
    for _ = 1, 3 do
      local socket = driver.socket
      driver:stop()
      wait_for_gauge(0)
      serve(socket)
      wait_for_gauge(1)
    end
  end)

  it("waits for a driver that comes later", function()
    local socket = driver.socket
    driver:stop()
    start()
    assert.equal(0, gauge())
    serve(socket)
    wait_for_gauge(1)
  end)

  it("stays 1 when the driver was started again between two polls", function()
    start { "--polltime", "1s" }
    wait_for_gauge(1)
    local socket = driver.socket
    driver:stop()
    serve(socket)
    driver:wait_log '"asked"'
    assert.equal(1, gauge())
    liveness:signal "sigterm"
    liveness:wait()
    assert.is_nil(liveness:stderr():find("not alive", 1, true))
  end)

  it("is polled at once, then every --polltime, on one connection", function()
    local function connections()
      local families = prometheus.parse(http.get(driver_port, "/metrics").body)
      return prometheus.value(families, "luacsi_connections_total")
    end
    driver:connect():call "Probe" -- by now those that looked whether it listens are counted
    local before = connections()
    start()
    driver:wait_log '"asked".*\n.*"asked".*\n.*"asked"'
    assert.equal(before + 1, connections())
  end)

  it("comes with what the process says of itself", function()
    start()
    local families = prometheus.parse(http.get(port, "/metrics").body)
    for _, name in ipairs { "csi_liveness", "luacsi_build_info", "process_start_time_seconds" } do
      assert.same({ "gauge", 1 }, { families[name].type, #families[name].samples })
    end
  end)

  it("lies at --metrics-path", function()
    start { "--metrics-path", "/custom" }
    assert.truthy(wait.for_(function() return gauge "/custom" == 1 end))
    assert.equal(404, http.get(port, "/metrics").code)
    assert.equal("try /healthz or /custom\n", http.get(port, "/x").body)
  end)
end)

describe("/healthz of the liveness driver", function()
  before_each(setup)
  after_each(teardown)

  it("asks the driver by itself, now", function()
    start { "--polltime", "1h" }
    assert_health(200, "ok")
    set "not ready"
    assert_health(500, "not ready")
    set "failed"
    assert_health(500, "FAILED_PRECONDITION: kernel module rbd is not loaded")
    set "ready"
    assert_health(200, "ok")
  end)

  it("is 500 when the driver does not answer, for all who ask, and holds up nobody else", function()
    start { "--polltime", "1h", "--timeout", "300ms" }
    set "hangs"
    local begin = uv.hrtime()
    local waiting = {}
    for i = 1, 10 do
      waiting[i] = http.start(port, "/healthz")
    end
    assert.equal(200, http.get(port, "/metrics").code)
    for _, connection in ipairs(waiting) do
      local answer = http.answer(connection)
      assert.same({ 500, "DEADLINE_EXCEEDED: " }, { answer.code, answer.body:sub(1, 19) })
    end
    assert.is_true(uv.hrtime() - begin < 5e9)
  end)

  it("is 500 with the reason when there is no driver, and 200 when it is back", function()
    start { "--polltime", "1h" }
    local socket = driver.socket
    driver:stop()
    assert_health(500, driver.endpoint .. ": No such file or directory")
    serve(socket)
    assert_health(200, "ok")
  end)

  it("takes only GET and HEAD", function()
    start()
    assert.equal(405, http.get(port, "/healthz", "POST").code)
    assert.equal(200, http.get(port, "/healthz", "HEAD").code)
  end)
end)

describe("luacsi liveness", function()
  before_each(setup)
  after_each(teardown)

  it("logs when something has changed, and nothing else", function()
    start()
    wait_for_gauge(1)
    set "failed"
    wait_for_gauge(0)
    driver:stop() -- still not alive: no news
    assert_health(500, driver.endpoint .. ": No such file or directory")
    serve(driver.socket)
    set "ready"
    wait_for_gauge(1)
    liveness:signal "sigterm"
    assert.equal(0, liveness:wait())
    local told = {}
    for i, line in ipairs(log.parse(liveness:stderr())) do
      told[i] = line.severity .. " " .. line.message
    end
    assert.same({
      "I Polling", "I Driver is alive", "E Driver is not alive", "I Driver is alive", "I Stopped",
    }, told)
    local line = log.matching(liveness:stderr(), "^Driver is not alive$")[1]
    assert.same({
      endpoint = driver.endpoint, reason = "FAILED_PRECONDITION: kernel module rbd is not loaded",
    }, line.fields)
  end)

  for _, signal in ipairs { "sigterm", "sigint" } do
    it("ends at " .. signal .. " with 0, at once, though a Probe is under way", function()
      set "hangs"
      start { "--timeout", "1h" }
      local connection = http.start(port, "/healthz")
      assert.equal(0, gauge())
      local begin = uv.hrtime()
      liveness:signal(signal)
      assert.equal(0, liveness:wait())
      assert.is_true(uv.hrtime() - begin < 2e9)
      http.answer(connection)
    end)
  end

  it("refuses what makes no sense, in one line", function()
    local taken = host.free_port()
    local holder = uv.new_tcp()
    assert(holder:bind("127.0.0.1", taken))
    assert(holder:listen(1, function() end))
    local cases = {
      [{}] = "--http-endpoint: expected a value (ADDRESS:PORT), got none",
      [{ "--http-endpoint", "127.0.0.1:65536" }] = "--http-endpoint: expected ADDRESS:PORT with a port " ..
        'from 1 to 65535, such as 127.0.0.1:9808 or :9808, got "127.0.0.1:65536"',
      [{ "--http-endpoint", "127.0.0.1:" .. taken }] =
        ("cannot listen for HTTP on 127.0.0.1:%d: Address already in use"):format(taken),
      [{ "--http-endpoint", ":1", "--polltime", "0" }] = "--polltime and --timeout: expected more than 0",
      [{ "--http-endpoint", ":1", "--timeout", "0s" }] = "--polltime and --timeout: expected more than 0",
      [{ "--http-endpoint", ":1", "--metrics-path", "metrics" }] =
        '--metrics-path: expected a path such as /metrics, other than /healthz, got "metrics"',
      [{ "--http-endpoint", ":1", "--metrics-path", "/healthz" }] =
        '--metrics-path: expected a path such as /metrics, other than /healthz, got "/healthz"',
      [{ "--http-endpoint", ":1", "--polltim", "1s" }] = "unknown flag --polltim (did you mean --polltime?)",
      [{ "--http-endpoint", ":1", "--csi-address", "relative/path" }] = "",
    }
    for flags, told in pairs(cases) do
      local result = host.run { "liveness", table.unpack(flags) }
      assert.same({ 2, "" }, { result.code, result.stdout }, told)
      assert.equal("luacsi liveness: " .. told, result.stderr:sub(1, 17 + #told))
      assert.equal(1, select(2, result.stderr:gsub("\n", "")))
    end
    holder:close()
  end)
end)
