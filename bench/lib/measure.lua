-- The measurements, each of one server at a time. Times are in nanoseconds, memory in KiB.

local peers = require "bench.lib.peers"
local program = require "bench.lib.program"

local measure = {}

local CLIENT = "build/bench/client"
local FRAME_HEAD = 5 -- of a gRPC message
local CALLS = 4500 -- under callgrind
local STARTS = 11

-- where: folder (a temporary one), server_cpu, client_cpu
function measure.new(where)
  local file = assert(io.open(where.folder .. "/request", "wb"))
  file:write(("\0"):rep(FRAME_HEAD))
  file:close()
  measure.where = where
end

-- n calls over so many connections and streams by h2load. Requests per second, and the server's processor
-- time per call. Each call must have brought the whole reply: h2load counts a gRPC error as success.
function measure.load(server, method, shape, n, size)
  local before = server:cpu()
  local text = program.run({
    "h2load", "-n", tostring(n), "-c", tostring(shape.connections), "-m", tostring(shape.streams),
    "-d", measure.where.folder .. "/request", "-H", "content-type: application/grpc", "-H", "te: trailers",
    "-B", "unix:" .. server.socket, "http://localhost" .. peers.path(method),
  }, measure.where.client_cpu)
  local cpu = (server:cpu() - before) / n
  local done = tonumber(text:match("(%d+) succeeded"))
  local data = tonumber(text:match("%((%d+)%) data"))
  local expected = n * (FRAME_HEAD + (size or peers.replies[method].size))
  assert(done == n and data == expected, ("%s: expected %d replies with %d bytes, got:\n%s"):format(
    table.concat(server.argv, " "), n, expected, text))
  return tonumber(text:match("([%d.]+) req/s")), cpu
end

-- The number of calls that take about so many seconds.
function measure.calls_for(server, method, shape, seconds, size)
  local least = shape.connections * shape.streams
  local rate = measure.load(server, method, shape, math.max(2000, least), size)
  return math.max(least, math.ceil(rate * seconds))
end

-- n calls, one after the other: the median, and what 1 in 100 and 1 in 1000 exceed.
function measure.latency(server, method, n)
  local text = program.run({ CLIENT, "latency", server.socket, peers.path(method), tostring(n) },
    measure.where.client_cpu)
  local p50, p99, p999 = text:match("(%d+) (%d+) (%d+)")
  return { p50 = tonumber(p50), p99 = tonumber(p99), p999 = tonumber(p999) }
end

-- From exec to the first answer; the median of some starts.
function measure.first(peer)
  local times = {}
  for i = 1, STARTS do
    local socket = ("%s/first-%s-%d.sock"):format(measure.where.folder, peer.id, i)
    local argv = { CLIENT, "first", socket, peers.path "GetPluginInfo" }
    table.move(peer.command(socket), 1, #peer.command(socket), #argv + 1, argv)
    times[i] = tonumber(program.run(argv))
    os.remove(socket)
  end
  table.sort(times)
  return times[STARTS // 2 + 1]
end

-- Resident and proportional memory, idle after three calls and after n more.
function measure.memory(peer, n)
  local server = peers.start(peer.command, measure.where.folder, measure.where.server_cpu)
  peers.check_all(server.socket)
  local result = {}
  result.idle_rss, result.idle_pss = server:memory()
  measure.load(server, "GetPluginInfo", { connections = 4, streams = 10 }, n)
  result.after_rss, result.after_pss = server:memory()
  server:stop()
  return result
end

-- Has callgrind write down what it has counted since the last time: the number of it.
local function dump(server, n_dumps)
  local folder = measure.where.folder
  local answer = program.run { "callgrind_control", "--vgdb-prefix=" .. folder .. "/vgdb", "-d",
    tostring(server.pid) }
  assert(answer:find("OK", 1, true), answer)
  local text = program.read_all(("%s/callgrind.%d"):format(folder, n_dumps))
  return assert(tonumber(text:match("\ntotals: (%d+)")), "callgrind counted nothing")
end

-- Instructions per call, by callgrind: what noise does not touch. Two runs of calls to one server, whose
-- difference has no connecting in it. n: how many calls to count (a generous number if nil).
-- beside(server), if there, starts a program that stands by meanwhile.
function measure.instructions(command, method, n, beside)
  local folder = measure.where.folder
  local server = peers.start(command, folder, nil, { "valgrind", "--quiet", "--tool=callgrind",
    "--vgdb-prefix=" .. folder .. "/vgdb", "--callgrind-out-file=" .. folder .. "/callgrind" })
  local other = beside and beside(server)
  local n_dumps = 0
  local function count(calls)
    program.run { CLIENT, "calls", server.socket, peers.path(method), tostring(calls) }
    n_dumps = n_dumps + 1
    return dump(server, n_dumps)
  end
  local many = n or CALLS
  local few = many // 9
  count(few) -- what is done but once
  local result = (count(many) - count(few)) / (many - few)
  server:kill() -- what it would do at its end, callgrind need not see
  if other then
    other:stop()
  end
  return result
end

-- Bytes of the binary without symbols.
function measure.size(peer)
  local stripped = measure.where.folder .. "/stripped"
  program.run { "strip", "-o", stripped, peer.binary }
  return #program.read_all(stripped)
end

return measure
