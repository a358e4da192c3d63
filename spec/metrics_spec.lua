-- /metrics of a serving process: names, types, labels and buckets, and that the numbers are right.
-- `make conformance` shows the same text to promtool.

local folder = require "spec.support.folder"
local host = require "spec.support.host"
local http = require "spec.support.http"
local process = require "spec.support.process"
local prometheus = require "spec.support.prometheus"
local wait = require "spec.support.wait"

local CALLS = "csi_plugin_operations_seconds"

local TYPES = {
  [CALLS] = "histogram",
  luacsi_script_errors_total = "counter",
  luacsi_calls_in_flight = "gauge",
  luacsi_connections_total = "counter",
  luacsi_tasks = "gauge",
  luacsi_suspended_tasks = "gauge",
  luacsi_abandoned_threads_total = "counter",
  luacsi_background_failures_total = "counter",
  luacsi_checks_up = "gauge",
  luacsi_checks_not_up = "gauge",
  luacsi_reloads_total = "counter",
  luacsi_failed_reloads_total = "counter",
  luacsi_script_loaded_timestamp_seconds = "gauge",
  luacsi_lua_memory_bytes = "gauge",
  luacsi_dropped_log_lines_total = "counter",
  luacsi_handler_cpu_seconds_total = "counter",
  luacsi_failed_reload_timestamp_seconds = "gauge",
  luacsi_kubelet_registered = "gauge",
  luacsi_build_info = "gauge",
  process_start_time_seconds = "gauge",
}

local SCRIPT = [[
  local csi = require "csi"
  return {
    GetPluginInfo = { name = "metrics.example.com", vendor_version = "1" },
    Probe = function() return { ready = true } end,
    CreateVolume = function() error("oops") end,
    DeleteVolume = function() csi.fail("NOT_FOUND", "no such volume") end,
    NodeStageVolume = function() csi.sleep(0.3) return {} end,
    NodeUnstageVolume = function()
      for i = 1, 3000000 do local _ = i * i end
      return {}
    end,
  }
]]

describe("/metrics", function()
  local server, port

  local function serve(options)
    server, port = http.serve(options)
  end

  local function metrics()
    return prometheus.parse(http.get(port, "/metrics").body)
  end

  local function value(name, labels)
    return prometheus.value(metrics(), name, labels)
  end

  local function call(...)
    return server:connect():call(...)
  end

  local function operations(families, part, method, code)
    return prometheus.value(families, CALLS .. part, { method_name = method, grpc_status_code = code })
  end

  after_each(host.teardown)
  after_each(folder.remove_all)

  it("has these families, each with a sentence of help", function()
    serve { script = SCRIPT }
    local types = {}
    for name, family in pairs(metrics()) do
      types[name] = family.type
      assert.matches("^%u.*%.$", family.help)
    end
    assert.same(TYPES, types)
  end)

  it("counts calls by driver, method and status, in the buckets of the sidecars", function()
    serve { script = SCRIPT }
    for _ = 1, 3 do
      call "Probe"
    end
    call "DeleteVolume"
    local families = metrics()
    assert.equal(3, operations(families, "_count", "/csi.v1.Identity/Probe", "OK"))
    assert.equal(1, operations(families, "_count", "/csi.v1.Controller/DeleteVolume", "NOT_FOUND"))
    local bounds = {}
    local labels = { method_name = "/csi.v1.Identity/Probe" }
    for i, bucket in ipairs(prometheus.samples(families, CALLS .. "_bucket", labels)) do
      bounds[i] = bucket.labels.le
      assert.equal(3, bucket.value) -- all of them within the first
      assert.equal("metrics.example.com", bucket.labels.driver_name)
    end
    assert.equal("0.1 0.25 0.5 1 2.5 5 10 15 25 50 120 300 600 +Inf", table.concat(bounds, " "))
  end)

  it("measures how long calls take, waiting included", function()
    serve { script = SCRIPT }
    call "NodeStageVolume"
    local families = metrics()
    local method = "/csi.v1.Node/NodeStageVolume"
    local sum = operations(families, "_sum", method, "OK")
    assert.is_true(sum >= 0.3 and sum < 10, sum)
    local last = 0
    for _, bucket in ipairs(prometheus.samples(families, CALLS .. "_bucket", { method_name = method })) do
      local bound = bucket.labels.le == "+Inf" and math.huge or tonumber(bucket.labels.le)
      assert.equal(bound > sum and 1 or 0, bucket.value, bucket.labels.le)
      assert.is_true(bucket.value >= last) -- cumulative
      last = bucket.value
    end
  end)

  it("does not count what it answers itself", function()
    serve { script = SCRIPT }
    for _ = 1, 3 do
      http.get(port, "/healthz")
    end
    assert.same({}, metrics()[CALLS].samples)
  end)

  it("counts a script's errors by method, not its failures", function()
    serve { script = SCRIPT }
    call "DeleteVolume"
    call "CreateVolume"
    call "CreateVolume"
    local families = metrics()
    assert.equal(1, #families.luacsi_script_errors_total.samples)
    assert.equal(2, prometheus.value(families, "luacsi_script_errors_total",
      { method_name = "/csi.v1.Controller/CreateVolume" }))
  end)

  it("counts calls in flight, tasks and those that wait", function()
    serve { script = SCRIPT:gsub("csi%.sleep%(0%.3%)", "csi.sleep(1)") }
    local child = host.start { "call", "NodeStageVolume", "{}", "--endpoint", server.endpoint }
    local function now()
      local families = metrics()
      return {
        prometheus.value(families, "luacsi_calls_in_flight"),
        prometheus.value(families, "luacsi_tasks"),
        prometheus.value(families, "luacsi_suspended_tasks"),
      }
    end
    assert.truthy(wait.for_(function() return now()[3] == 1 end))
    assert.same({ 1, 1, 1 }, now())
    assert.equal(0, child:wait())
    assert.same({ 0, 0, 0 }, now())
  end)

  it("counts connections", function()
    serve { script = SCRIPT }
    call "Probe" -- by now those that looked whether it listens are counted
    local before = value "luacsi_connections_total"
    call "Probe"
    call "Probe"
    assert.equal(before + 2, value "luacsi_connections_total")
  end)

  it("measures what handlers compute", function()
    serve { script = SCRIPT }
    call "NodeUnstageVolume"
    local cpu = value "luacsi_handler_cpu_seconds_total"
    assert.is_true(cpu > 0.001 and cpu < 10, cpu)
  end)

  it("knows the memory of the script and when the process and the script came", function()
    serve { script = SCRIPT }
    local families = metrics()
    local memory = prometheus.value(families, "luacsi_lua_memory_bytes")
    assert.is_true(memory > 10000 and memory < 64 * 1024 * 1024)
    for _, name in ipairs { "process_start_time_seconds", "luacsi_script_loaded_timestamp_seconds" } do
      assert.is_true(math.abs(prometheus.value(families, name) - os.time()) < 60, name)
    end
    assert.equal(1, prometheus.value(families, "luacsi_build_info", { version = "0.1.0", csi = "1.12.0" }))
  end)

  it("counts reloads, and those that failed", function()
    local dir = folder.make { ["script.lua"] = SCRIPT }
    serve { file = dir .. "/script.lua", flags = { "--no-watch" } }
    local function reload(text, name)
      process.write_file(dir .. "/script.lua", text)
      server:signal "sighup"
      assert.truthy(wait.for_(function() return value(name) == 1 end), name)
    end
    assert.equal(0, value "luacsi_failed_reload_timestamp_seconds")
    reload("this is no Lua", "luacsi_failed_reloads_total")
    assert.is_true(math.abs(value "luacsi_failed_reload_timestamp_seconds" - os.time()) < 60)
    assert.equal(0, value "luacsi_reloads_total")
    reload(SCRIPT .. "-- changed", "luacsi_reloads_total")
    assert.equal(1, value "luacsi_failed_reloads_total")
  end)

  it("counts background work: checks up and not, failures", function()
    serve { script = [[
      local csi = require "csi"
      csi.check("good", { every = 0.1 }, function() return true end)
      csi.check("bad", { every = 0.1 }, function() return nil, "never" end)
      csi.every(0.1, function() error("oops") end)
      return { GetPluginInfo = { name = "b.example.com", vendor_version = "1" } }
    ]] }
    assert.truthy(wait.for_(function() return value "luacsi_checks_up" == 1 end))
    assert.equal(1, value "luacsi_checks_not_up")
    assert.truthy(wait.for_(function() return value "luacsi_background_failures_total" >= 2 end))
  end)

  it("counts threads that were given up", function()
    serve {
      script = [[return {
        GetPluginInfo = { name = "b.example.com", vendor_version = "1" },
        Probe = function() string.find(("a"):rep(3000), ("a-"):rep(6) .. "b") end,
      }]],
      flags = { "--handler-cpu", "200ms" },
    }
    call "Probe"
    assert.equal(1, value "luacsi_abandoned_threads_total")
    assert.equal(1, operations(metrics(), "_count", "/csi.v1.Identity/Probe", "DEADLINE_EXCEEDED"))
  end)

  it("counts log lines that nobody took", function()
    local dir = folder.make()
    serve {
      script = [[
        local csi = require "csi"
        return {
          GetPluginInfo = { name = "b.example.com", vendor_version = "1" },
          Probe = function() for _ = 1, 500 do csi.log.info(("x"):rep(1000)) end end,
        }]],
      -- standard error is a pipe that nobody reads
      prefix = { "/bin/sh", "-c", 'mkfifo "$0/pipe" && exec 2<>"$0/pipe" && exec "$@"', dir },
    }
    assert.equal(0, value "luacsi_dropped_log_lines_total")
    call "Probe"
    local dropped = value "luacsi_dropped_log_lines_total"
    assert.is_true(dropped > 400 and dropped <= 502, dropped)
  end)

  it("labels with the name that a constant gives, with all its tricks", function()
    serve {
      script = [[return { GetPluginInfo = { name = 'a"b\\c\nd', vendor_version = "1" } }]],
      flags = { "--validate", "off" },
    }
    call "Probe"
    assert.equal('a"b\\c\nd', prometheus.samples(metrics(), CALLS .. "_count")[1].labels.driver_name)
  end)

  it("labels with \"unknown\" where a handler gives the name", function()
    serve { script = [[return {
      GetPluginInfo = function() return { name = "a.example.com", vendor_version = "1" } end,
    }]] }
    call "Probe"
    assert.equal("unknown", prometheus.samples(metrics(), CALLS .. "_count")[1].labels.driver_name)
  end)
end)
