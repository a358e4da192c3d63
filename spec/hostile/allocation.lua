-- A server whose allocations fail: spec/fuzz/allocation.c, in two builds. AddressSanitizer's sees leaks, the
-- other one has the slabs of heap.c.

local command = require "spec.support.command"
local folder = require "spec.support.folder"

local BUILDS = {
  { binary = "build/fuzz/allocation-address-undefined", name = "AddressSanitizer" },
  { binary = "build/fuzz/allocation", name = "slabs" },
}
local PHASES = { "load", "call", "reload", "shutdown" }
local MOST = 2000 -- the last n
local SHORT_STEP = 100 -- from there on only each 100th n
local SHORT_DENSE = 25 -- until there each n
local LIMIT = 3 * 3600

-- { phase = { runs =, allocations = } } of what the test printed.
local function summed(text)
  local phases = {}
  for phase, runs, allocations in text:gmatch("(%l+) %l+ runs=(%d+) %S+ %S+ allocations=(%d+)") do
    local sum = phases[phase] or { runs = 0, allocations = 0 }
    sum.runs = sum.runs + runs
    sum.allocations = math.max(sum.allocations, tonumber(allocations))
    phases[phase] = sum
  end
  return phases
end

local function rows_of(build, options)
  local dense, step = SHORT_DENSE, SHORT_STEP
  if options.long then
    dense, step = MOST, 1
  end
  local result = command.run({
    build.binary, "spec/fuzz/allocation.lua", folder.make { ["run/"] = "" }, tostring(MOST), tostring(dense),
    tostring(step),
  }, { limit = LIMIT })
  local phases, rows = summed(result.stdout), {}
  for _, phase in ipairs(PHASES) do
    local sum = phases[phase]
    rows[#rows + 1] = {
      what = ("%s, %s"):format(phase, build.name),
      bar = "no crash, no leak, answered",
      figure = sum and ("%d runs, %d allocations"):format(sum.runs, sum.allocations) or "not reached",
      ok = sum ~= nil and sum.runs > 0,
    }
  end
  if result.code ~= 0 then
    io.stderr:write(result.stderr:sub(-8000), "\n")
    rows[#rows + 1] = { what = build.name, bar = "exit status 0", figure = tostring(result.code), ok = false }
  end
  return rows
end

local function run(options)
  command.output({ "make", "--no-print-directory", "allocation" }, { limit = 900 })
  local rows = {}
  for _, build in ipairs(BUILDS) do
    table.move(rows_of(build, options), 1, #PHASES + 1, #rows + 1, rows)
  end
  folder.remove_all()
  return rows
end

return { area = "allocation", run = run }
