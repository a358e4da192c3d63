-- How costs grow: the price of a call against what else the server holds, and what one handler that
-- computes does to the others.
--
-- Costs are instructions per call by callgrind, so the curves are the same on a busy machine.
-- Preemption is measured in time: it is about time.
--
-- SCALING_MOST (10000): the most connections; each is a descriptor on both sides.

local measure = require "bench.lib.measure"
local peers = require "bench.lib.peers"
local program = require "bench.lib.program"
local session = require "bench.lib.session"

local scaling = {}

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

-- Plots as chart.lines draws them.
function scaling.plots()
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

-- For so many handlers that compute, the latency of the others.
function scaling.preemption()
  local results = {}
  for i, computing in ipairs { 0, 1, 4 } do
    results[i] = { computing = computing, latency = beside(computing) }
  end
  return results
end

return scaling
