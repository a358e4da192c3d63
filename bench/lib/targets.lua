-- What must hold, each a ratio of two figures of the same run or a plain limit. Where a peer or a figure
-- is not there, its targets are left out.

local stats = require "bench.lib.stats"

local at = stats.at

local targets = {}

targets.shapes = {
  { name = "1x1", connections = 1, streams = 1 },
  { name = "4x10", connections = 4, streams = 10 },
  { name = "16x100", connections = 16, streams = 100 },
}

local ALL_SHAPES = { "1x1", "4x10", "16x100" }
local BUSY_SHAPES = { "4x10", "16x100" }
local ALL = { "GetPluginInfo", "Probe", "GetPluginCapabilities" }
local FLAT = { "GetPluginInfo", "Probe" } -- replies of few tables
local NESTED = { "GetPluginCapabilities" } -- a reply of eight tables

-- One peer against another: in each shape, the ratio of their rates must be at least `rate`, of processor
-- time at most `cpu`, and of instructions at most `instructions`; the worst method counts.
local ratios = {
  { "constant", "floor", methods = ALL, shapes = ALL_SHAPES, rate = 0.95, instructions = 1.05 },
  { "prepared", "floor", methods = ALL, shapes = ALL_SHAPES, rate = 0.95, instructions = 1.05 },
  { "handler", "floor", methods = FLAT, shapes = ALL_SHAPES, rate = 0.85, instructions = 1.20 },
  { "handler", "floor", methods = NESTED, shapes = ALL_SHAPES, rate = 0.75, instructions = 1.40 },
  { "constant", "go", methods = ALL, shapes = ALL_SHAPES, rate = 2, cpu = 0.5 },
  { "constant", "tonic", methods = ALL, shapes = BUSY_SHAPES, rate = 1 },
  { "constant", "cpp", methods = ALL, shapes = ALL_SHAPES, rate = 1, cpu = 1 },
  { "prepared", "cpp", methods = ALL, shapes = ALL_SHAPES, rate = 1, cpu = 1 },
  { "handler", "cpp", methods = ALL, shapes = ALL_SHAPES, rate = 1, cpu = 1 },
}

-- Of the figures that are not peers'.
local LONGEST_OTHER_MS = 10 -- p99 of other calls while handlers compute: two slices of 5 ms
local MOST_METRICS_NS = 200
local MOST_BURDEN = 1.05 -- CPU per call, held against that of a server without
local MOST_POWER = 1.1

local KIB = 1 / 1024 -- in MB
local limits = {
  { what = "resident memory after the calls, MB", path = { "memory", "after_rss" }, most = 10, scale = KIB },
  { what = "exec to the first answer, ms", path = { "first" }, most = 6, scale = 1e-6 },
}
local LUACSI = { "constant", "prepared", "handler" }

-- The median of the ratios of each round: what slows a whole round down cancels out.
local function ratio(mine, base)
  local list = {}
  for i = 1, math.min(#mine, #base) do
    list[i] = mine[i] / base[i]
  end
  return stats.median(list)
end

-- The worst ratio over the methods of the peer's figure to the base's: the smallest of a rate, the largest
-- of a cost. nil when a figure is missing.
local function worst(results, target, kind, shape)
  local found
  for _, method in ipairs(target.methods) do
    local path = shape and { kind, shape, method } or { kind, method }
    local mine = at(results[target[1]], table.unpack(path))
    local base = at(results[target[2]], table.unpack(path))
    if mine and base then
      local pick = kind == "rate" and math.min or math.max
      found = pick(found or ratio(mine, base), ratio(mine, base))
    end
  end
  return found
end

-- at_least: the figure must reach the bar, rather than stay below.
local function judge(list, what, figure, bar, at_least)
  if figure then
    local holds = at_least and figure >= bar or not at_least and figure <= bar
    list[#list + 1] = { what = what, figure = figure, bar = bar, at_least = at_least or false, holds = holds }
  end
end

local function judge_ratio(list, results, target)
  local who = table.concat(target, " / ")
  if target.methods == NESTED then
    who = who .. ", GetPluginCapabilities"
  end
  for _, shape in ipairs(target.shapes) do
    local rate, cpu = worst(results, target, "rate", shape), worst(results, target, "cpu", shape)
    judge(list, ("%s: requests/s, %s"):format(who, shape), rate, target.rate, true)
    if target.cpu then
      judge(list, ("%s: CPU per call, %s"):format(who, shape), cpu, target.cpu)
    end
  end
  if target.instructions then
    judge(list, who .. ": instructions", worst(results, target, "instructions"), target.instructions)
  end
end

-- The targets with their figures, of results not yet settled: what, figure, bar, at_least, holds.
function targets.judge(results)
  local list = {}
  for _, target in ipairs(ratios) do
    judge_ratio(list, results, target)
  end
  for _, limit in ipairs(limits) do
    for _, peer in ipairs(LUACSI) do
      local figure = at(results[peer], table.unpack(limit.path))
      judge(list, ("%s: %s"):format(peer, limit.what), figure and figure * limit.scale, limit.most)
    end
  end
  return list
end

-- The same for what burdens.measure found.
function targets.judge_burdens(list, results)
  local verdicts, base = {}, results[list[1].id].cpu
  for i = 2, #list do
    judge(verdicts, "CPU per call while " .. list[i].label, ratio(results[list[i].id].cpu, base), MOST_BURDEN)
  end
  local differences = {}
  for i, cpu in ipairs(results.metrics.cpu) do
    differences[i] = cpu - base[i]
  end
  judge(verdicts, "metrics, ns per call", stats.median(differences), MOST_METRICS_NS)
  return verdicts
end

-- The same for scaling.preemption and scaling.plots.
function targets.judge_scaling(preemption, plots)
  local verdicts = {}
  for i = 2, #preemption do
    local what = ("p99 of other calls beside handlers that compute (%d), ms"):format(preemption[i].computing)
    judge(verdicts, what, preemption[i].latency.p99 / 1e6, LONGEST_OTHER_MS)
  end
  for _, plot in ipairs(plots) do
    for _, line in ipairs(plot.lines) do
      local what = ("%s, %s: grows with the power"):format(plot.title:match "^[^:]+", line.label)
      judge(verdicts, what, stats.power(line.points), MOST_POWER)
    end
  end
  return verdicts
end

return targets
