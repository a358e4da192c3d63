-- What a call costs while the server does something besides: watches a busy folder, counts for /metrics, runs
-- checks and timers. The same load for each in turns, held against a server with none of it.

local measure = require "bench.lib.measure"
local peers = require "bench.lib.peers"
local program = require "bench.lib.program"
local stats = require "bench.lib.stats"
local uv = require "luv"

local burdens = {}

local METHOD = "GetPluginInfo"
local SHAPE = { connections = 4, streams = 10 }
local TOUCH_MS = 10 -- between two writes into the watched folder

-- The command that serves script with these further flags.
local function serving(script, ...)
  local flags = { ... }
  return function(socket)
    local argv = peers.luacsi(script)(socket)
    return table.move(flags, 1, #flags, #argv + 1, argv)
  end
end

-- A port that nobody listens on.
local function free_port()
  local socket = uv.new_tcp()
  assert(socket:bind("127.0.0.1", 0))
  local port = socket:getsockname().port
  socket:close()
  return port
end

local function write(path, text)
  local file <close> = assert(io.open(path, "w"))
  assert(file:write(text))
end

-- Writes into the folder of the watched script until it is stopped.
local function touching()
  local timer, n = uv.new_timer(), 0
  timer:start(TOUCH_MS, TOUCH_MS, function()
    n = n + 1
    write(measure.where.folder .. "/beside.lua", ("return %d\n"):format(n))
  end)
  return timer
end

local function all()
  local handler, watched = "bench/scripts/handler.lua", measure.where.folder .. "/watched.lua"
  write(watched, program.read_all(handler))
  return {
    -- counted: instructions mean something, since what it does besides is not bound to the clock
    { id = "none", label = "nothing", counted = true, command = serving(handler, "--no-watch") },
    { id = "watch", label = "a file beside the script is written 100 times a second",
      command = serving(watched), beside = touching },
    { id = "metrics", label = "metrics are counted", counted = true,
      command = serving(handler, "--no-watch", "--http-endpoint", "127.0.0.1:" .. free_port()) },
    { id = "checks", label = "10 checks run 10 times a second",
      command = serving("bench/scripts/checks.lua", "--no-watch", "--allow-read=/") },
    { id = "timers", label = "1000 timers run once a second",
      command = serving("bench/scripts/timers.lua", "--no-watch") },
  }
end

-- One load of each; by is how far the order is turned.
local function one_round(list, results, seconds, by)
  for i = 1, #list do
    local burden = list[(i + by - 1) % #list + 1]
    burden.calls = burden.calls or measure.calls_for(burden.server, METHOD, SHAPE, seconds)
    local beside = burden.beside and burden.beside()
    local rate, cpu = measure.load(burden.server, METHOD, SHAPE, burden.calls)
    if beside then
      beside:close()
    end
    stats.add(results[burden.id], rate, "rate")
    stats.add(results[burden.id], cpu, "cpu")
  end
end

-- The burdens (id, label), and by id the lists of what each round found: rate, cpu; and
-- instructions. The first one is none.
function burdens.measure(rounds, seconds)
  local list, results = all(), {}
  for _, burden in ipairs(list) do
    burden.server = peers.start(burden.command, measure.where.folder, measure.where.server_cpu)
    results[burden.id] = {}
  end
  for round = 1, rounds do
    one_round(list, results, seconds, round)
  end
  for _, burden in ipairs(list) do
    burden.server:stop()
    if burden.counted then
      results[burden.id].instructions = measure.instructions(burden.command, METHOD)
    end
  end
  return list, results
end

return burdens
