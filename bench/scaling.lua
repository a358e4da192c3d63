-- How costs grow: the price of a call against what else the server holds, and what one handler that
-- computes does to the others. Writes build/scaling.svg and build/scaling.json. Run it from the root.
--
-- Costs are instructions per call by callgrind, so the curves are the same on a busy machine.
-- Preemption is measured in time: it is about time.
--
-- SCALING_MOST (10000): the most connections; each is a descriptor on both sides.

package.path = "./?.lua;" .. package.path
package.cpath = "build/?.so;" .. package.cpath

local chart = require "bench.lib.chart"
local measure = require "bench.lib.measure"
local peers = require "bench.lib.peers"
local program = require "bench.lib.program"
local report = require "bench.lib.report"
local session = require "bench.lib.session"

local METHOD = "GetPluginInfo"
local STREAMS = 100 -- of one connection; the server takes no more
local LATENCY_CALLS = 400
local CALLS = 1800 -- under callgrind

-- A server with a script of this text, and further flags.
local function serving(text, ...)
  local flags = { ... }
  local path = measure.where.folder .. "/scaling.lua"
  local file <close> = assert(io.open(path, "w"))
  assert(file:write(text))
  return function(socket)
    local argv = peers.luacsi(path)(socket)
    return table.move(flags, 1, #flags, #argv + 1, argv)
  end
end

-- Opens connections with calls of method on each, and holds them until the result is stopped.
local function hold(server, method, connections, calls)
  local holder = program.start({ "build/bench/client", "hold", server.socket, peers.path(method),
    tostring(connections), tostring(calls) }, measure.where.client_cpu)
  holder:wait_for "held"
  return holder
end

-- ---- what grows ----

local function idle_connections(n)
  local command = peers.luacsi "bench/scripts/handler.lua"
  return measure.instructions(command, METHOD, CALLS, function(server)
    return hold(server, METHOD, n, 0)
  end)
end

local SLEEPER = [[
  local csi = require "csi"
  return {
    GetPluginInfo = function() return { name = "bench.csi.example.com", vendor_version = "1.0.0" } end,
    Probe = function() csi.sleep(3000) return {} end,
  }]]

local function suspended_handlers(n)
  local command = serving(SLEEPER, "--handler-timeout", "1h", "--max-in-flight", "2000")
  return measure.instructions(command, METHOD, CALLS, function(server)
    return hold(server, "Probe", (n + STREAMS - 1) // STREAMS, math.min(n, STREAMS))
  end)
end

local ENTRY = 64 -- bytes of one entry of a manifest, key and value

-- A script whose GetPluginInfo has a manifest of about this size; as a handler or a constant.
local function manifest(bytes, is_handler)
  local entries = {}
  for i = 1, bytes // ENTRY do
    entries[i] = ('["k%03d"] = "%s"'):format(i, ("v"):rep(ENTRY - 4))
  end
  local reply = ('{ name = "bench.csi.example.com", vendor_version = "1.0.0", manifest = { %s } }'):format(
    table.concat(entries, ", "))
  local form = is_handler and "return { GetPluginInfo = function() return %s end }"
    or "return { GetPluginInfo = %s }"
  return serving(form:format(reply))
end

local CAPABILITIES = [[
  local function reply()
    local list = {}
    for i = 1, %d do
      list[i] = { service = { type = "CONTROLLER_SERVICE" } }
    end
    return { capabilities = list }
  end
  return { GetPluginInfo = { name = "bench.csi.example.com", vendor_version = "1.0.0" },
    GetPluginCapabilities = %s }]]

local function capabilities(n, is_handler)
  local command = serving(CAPABILITIES:format(n, is_handler and "reply" or "reply()"))
  return measure.instructions(command, "GetPluginCapabilities", math.max(90, CALLS // n))
end

-- The points of f over sizes.
local function line(label, sizes, f)
  local points = {}
  for i, size in ipairs(sizes) do
    session.say("%s: %d", label, size)
    points[i] = { x = size, y = f(size) }
  end
  return { label = label, points = points }
end

local function up_to(most, sizes)
  local result = {}
  for _, size in ipairs(sizes) do
    if size <= most then
      result[#result + 1] = size
    end
  end
  return result
end

local function plots()
  local most = tonumber(os.getenv "SCALING_MOST" or 10000)
  local sizes, bytes = { 1, 10, 100, 1000 }, { 0, 64, 256, 1024, 2048, 4032 }
  return {
    { title = "open connections: instructions per call", lines = {
      line("a Lua handler", up_to(most, { 1, 10, 100, 1000, 10000 }), idle_connections),
    } },
    { title = "suspended handlers: instructions per call", lines = {
      line("a Lua handler", sizes, suspended_handlers),
    } },
    { title = "bytes of the manifest: instructions per call", lines = {
      line("constant", bytes, function(n) return measure.instructions(manifest(n, false), METHOD, CALLS) end),
      line("a Lua handler", bytes, function(n)
        return measure.instructions(manifest(n, true), METHOD, CALLS)
      end),
    } },
    { title = "capabilities: instructions per call", lines = {
      line("constant", sizes, function(n) return capabilities(n, false) end),
      line("a Lua handler", sizes, function(n) return capabilities(n, true) end),
    } },
  }
end

-- ---- preemption ----

local COMPUTER = [[
  return {
    GetPluginInfo = function() return { name = "bench.csi.example.com", vendor_version = "1.0.0" } end,
    Probe = function() while true do end end,
  }]]

-- The latency of GetPluginInfo while so many handlers compute.
local function beside(computing)
  session.say("preemption: %d handlers compute", computing)
  local command = serving(COMPUTER, "--handler-timeout", "1h", "--handler-cpu", "1h", "--grace", "1ms")
  local server = peers.start(command, measure.where.folder, measure.where.server_cpu)
  local holder = computing > 0 and hold(server, "Probe", 1, computing)
  local latency = measure.latency(server, METHOD, LATENCY_CALLS)
  if holder then
    holder:stop()
  end
  server:stop()
  return latency
end

local function preemption()
  local rows, results = { { "handlers that compute", "p50 ms", "p99 ms", "p99.9 ms" } }, {}
  for i, computing in ipairs { 0, 1, 4 } do
    local latency = beside(computing)
    results[i] = { computing = computing, latency = latency }
    rows[i + 1] = { tostring(computing) }
    for _, value in ipairs { latency.p50, latency.p99, latency.p999 } do
      table.insert(rows[i + 1], ("%.3f"):format(value / 1e6))
    end
  end
  return report.grid(rows), results
end

local function growth(all)
  local parts = {}
  for _, plot in ipairs(all) do
    for _, curve in ipairs(plot.lines) do
      local rows = { { curve.label }, { plot.title } }
      for i, point in ipairs(curve.points) do
        rows[1][i + 1], rows[2][i + 1] = ("%d"):format(point.x), ("%.0f"):format(point.y)
      end
      parts[#parts + 1] = report.grid(rows)
    end
  end
  return table.concat(parts, "\n")
end

local function write(path, text)
  local file <close> = assert(io.open(path, "w"))
  assert(file:write(text))
end

os.exit(session.run(function()
  local machine = report.machine()
  local table_of_preemption, latencies = preemption()
  print(machine .. "\n\n" .. table_of_preemption)
  local all = plots()
  print(growth(all))
  write("build/scaling.json", report.json { machine = machine, preemption = latencies, plots = all } .. "\n")
  write("build/scaling.svg", chart.lines(machine, all))
  return true
end))
