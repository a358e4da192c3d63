-- The benchmark: measures all peers side by side, what a call costs beside other work, and how costs grow.
-- Prints tables and targets, writes build/bench.json, build/bench.md, build/bench.svg and build/scaling.svg.
-- Exit status 1 where a target is missed. Run it from the root.
--
--   lua5.4 bench/run.lua            everything
--   lua5.4 bench/run.lua PART       peers, burdens or scaling alone; or smoke: of the peers what noise hardly
--                                   touches, which is instructions, memory, start, size
--
-- BENCH_ROUNDS (5), BENCH_SECONDS of each load (1), BENCH_CALLS before memory is read again (1000000),
-- BENCH_PEERS ("floor constant prepared handler cpp go tonic"), BENCH_CPUS of server and client ("0 1").

package.path = "./?.lua;" .. package.path
package.cpath = "build/?.so;" .. package.cpath

local burdens = require "bench.lib.burdens"
local chart = require "bench.lib.chart"
local measure = require "bench.lib.measure"
local peers = require "bench.lib.peers"
local report = require "bench.lib.report"
local scaling = require "bench.lib.scaling"
local session = require "bench.lib.session"
local stats = require "bench.lib.stats"
local targets = require "bench.lib.targets"

local SEQUENTIAL_CALLS_A_SECOND = 10000 -- of `latency`, for each second of BENCH_SECONDS
-- gRPC core and Lua hash with what they drew when they started, which makes a call dearer by up to 200
-- instructions, or not: so their median.
local COUNTED_PROCESSES = 3

local function number(name, default)
  return tonumber(os.getenv(name) or default) or error(name .. " is no number")
end

-- The peers in another order for each round, so that none always follows the same one.
local function rotated(list, by)
  local result = {}
  for i = 1, #list do
    result[i] = list[(i + by - 1) % #list + 1]
  end
  return result
end

local function start_all(present)
  local servers = {}
  for _, peer in ipairs(present) do
    servers[peer] = peers.start(peer.command, measure.where.folder, measure.where.server_cpu)
  end
  return servers
end

-- Requests/s and processor time under load, and the latency without. All servers run all the time; one at
-- a time is busy.
local function measure_speed(present, results)
  local seconds, rounds = number("BENCH_SECONDS", 1), number("BENCH_ROUNDS", 5)
  local servers, calls = start_all(present), {}
  for round = 1, rounds do
    for _, peer in ipairs(present) do
      peers.check_all(servers[peer].socket)
    end
    for _, shape in ipairs(targets.shapes) do
      for _, method in ipairs(peers.methods) do
        session.say("round %d of %d: %s, %s", round, rounds, shape.name, method)
        for _, peer in ipairs(rotated(present, round)) do
          local server, key = servers[peer], peer.id .. shape.name .. method
          calls[key] = calls[key] or measure.calls_for(server, method, shape, seconds)
          local rate, cpu = measure.load(server, method, shape, calls[key])
          stats.add(results[peer.id], rate, "rate", shape.name, method)
          stats.add(results[peer.id], cpu, "cpu", shape.name, method)
        end
      end
    end
    session.say("round %d of %d: one call after the other", round, rounds)
    for _, peer in ipairs(rotated(present, round)) do
      local n = math.max(1000, math.floor(seconds * SEQUENTIAL_CALLS_A_SECOND))
      for name, value in pairs(measure.latency(servers[peer], "GetPluginInfo", n)) do
        stats.add(results[peer.id], value, "latency", name)
      end
    end
  end
  for _, server in pairs(servers) do
    server:stop()
  end
end

-- What is the same however busy the machine is, or nearly.
local function measure_rest(present, results, methods)
  local n = number("BENCH_CALLS", 1000000)
  for _, peer in ipairs(present) do
    local result = results[peer.id]
    session.say("%s: memory, start, size, instructions", peer.label)
    result.memory = measure.memory(peer, n)
    result.first = measure.first(peer)
    result.size = measure.size(peer)
    for _, method in ipairs(peer.native and methods or {}) do
      for _ = 1, COUNTED_PROCESSES do
        stats.add(result, measure.instructions(peer.command, method), "instructions", method)
      end
    end
  end
end

-- What the same server did in different rounds tells how far the times can be trusted.
local function noise(results)
  local rates = stats.at(results, "floor", "rate", "4x10", "GetPluginInfo")
  return rates and ("The floor's requests/s at 4x10 differed by %.0f %% between %d rounds.\n\n"):format(
    stats.spread(rates), #rates) or ""
end

local function write(path, text)
  local file <close> = assert(io.open(path, "w"))
  assert(file:write(text))
end

-- Each part of a run puts its text into `texts`, its verdicts into `verdicts`, its figures into `figures`.
local function run_peers(run, smoke)
  local ids = os.getenv("BENCH_PEERS") or smoke and "floor constant prepared handler" or nil
  local present, results = peers.present(ids), {}
  for _, peer in ipairs(present) do
    results[peer.id] = {}
  end
  if not smoke then
    measure_speed(present, results)
  end
  measure_rest(present, results, peers.methods)
  run:judge(targets.judge(results))
  local doubt = noise(results)
  results = stats.settle(results)
  run:add("peers", results, doubt .. report.figures(present, results, peers.methods))
  if not smoke then
    write("build/bench.svg", chart.bars(run.machine, present, results))
  end
end

local function run_burdens(run)
  local list, results = burdens.measure(number("BENCH_ROUNDS", 5), number("BENCH_SECONDS", 1))
  run:judge(targets.judge_burdens(list, results))
  results = stats.settle(results)
  run:add("burdens", results, report.burdens(list, results))
end

local function run_scaling(run)
  local preemption, plots = scaling.preemption(), scaling.plots()
  run:judge(targets.judge_scaling(preemption, plots))
  run:add("preemption", preemption, report.preemption(preemption))
  run:add("plots", plots, report.plots(plots))
  write("build/scaling.svg", chart.lines(run.machine, plots))
end

local Run = { __index = {} }

function Run.__index:judge(verdicts)
  table.move(verdicts, 1, #verdicts, #self.verdicts + 1, self.verdicts)
end

function Run.__index:add(name, figures, text)
  self.figures[name] = figures
  table.insert(self.texts, text)
end

-- Tells and writes what was found; whether all targets hold.
function Run.__index:finish()
  local missed = 0
  for _, verdict in ipairs(self.verdicts) do
    missed = missed + (verdict.holds and 0 or 1)
  end
  local summary = ("%d of %d targets hold"):format(#self.verdicts - missed, #self.verdicts)
  local text = ("%s\n\n%s\n%s\n%s\n"):format(self.machine, table.concat(self.texts, "\n"),
    report.targets(self.verdicts), summary)
  session.say("")
  io.write(text)
  self.figures.machine, self.figures.targets = self.machine, self.verdicts
  write("build/bench.md", text)
  write("build/bench.json", report.json(self.figures) .. "\n")
  return missed == 0
end

local parts = {
  all = { run_peers, run_burdens, run_scaling },
  peers = { run_peers },
  burdens = { run_burdens },
  scaling = { run_scaling },
  smoke = { function(run) run_peers(run, true) end },
}

local function main(what)
  local run = setmetatable({ machine = report.machine(), texts = {}, figures = {}, verdicts = {} }, Run)
  for _, part in ipairs(parts[what or "all"] or error("no such part: " .. what)) do
    part(run)
  end
  return run:finish()
end

os.exit(session.run(main, ...))
