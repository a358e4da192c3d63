-- The fuzz targets of spec/fuzz/, two at a time, each from what it always begins with. An input that breaks a
-- promise is kept in build/fuzz/, and the row says where.

local command = require "spec.support.command"
local folder = require "spec.support.folder"
local process = require "spec.support.process"
local wait = require "spec.support.wait"

local TARGETS = {
  { name = "message", what = "request bytes to table to bytes" },
  { name = "table", what = "table to bytes, and to JSON" },
  { name = "script", what = "text of a script" },
  { name = "flags", what = "flags, endpoints and the like" },
  { name = "json", what = "JSON of call" },
  { name = "timer", what = "timers of the loop" },
}
local AT_ONCE = 2
local SHORT, LONG = 60, 30 * 60 -- seconds for each
local INPUT_TIMEOUT = 25 -- seconds for one input
local TIMEOUT_CODE = 70
local SLACK = 600 -- seconds that a busy machine may need on top

local function exists(path)
  local file = io.open(path)
  return file and file:close()
end

-- The command line of a target. What it finds goes to a folder that is thrown away.
local function arguments(target, seconds)
  local argv = {
    "build/fuzz/" .. target.name, "-close_fd_mask=3", "-print_final_stats=1",
    "-max_total_time=" .. seconds, "-timeout=" .. INPUT_TIMEOUT, "-timeout_exitcode=" .. TIMEOUT_CODE,
    ("-artifact_prefix=build/fuzz/%s-"):format(target.name),
  }
  local words = ("spec/fuzz/%s.dict"):format(target.name)
  argv[#argv + 1] = exists(words) and "-dict=" .. words or nil
  argv[#argv + 1] = folder.make()
  for _, seeds in ipairs { "spec/fuzz/corpus/" .. target.name, "build/fuzz/seeds/" .. target.name } do
    argv[#argv + 1] = exists(seeds) and seeds or nil
  end
  return argv
end

local function start(target, seconds)
  target.started = os.time()
  target.process = process.start(arguments(target, seconds), { dir = folder.make() })
end

-- No hook runs inside a C function of Lua: a text may well find a pattern that takes for ever. In a server
-- that is for the watchdog; here the rest of the time is for other texts.
local function go_on(target, seconds)
  local left = seconds - (os.time() - target.started)
  if target.name ~= "script" or target.process.code ~= TIMEOUT_CODE or left < 1 then
    return false
  end
  target.stuck = target.stuck + 1
  start(target, left)
  return true
end

-- Notes what came of a target whose process has ended.
local function note(target)
  local text = target.process:stderr()
  target.inputs = target.inputs + (tonumber(text:match("number_of_executed_units:%s*(%d+)")) or 0)
  target.finding = text:match("Test unit written to (%S+)")
  if target.process.code ~= 0 then
    io.stderr:write(text:sub(-8000), "\n")
  end
end

local function run_all(seconds)
  local waiting, running = table.move(TARGETS, 1, #TARGETS, 1, {}), {}
  while #waiting + #running > 0 do
    while #running < AT_ONCE and #waiting > 0 do
      local target = table.remove(waiting, 1)
      target.inputs, target.stuck = 0, 0
      start(target, seconds)
      running[#running + 1] = target
    end
    assert(wait.for_(function()
      for i, target in ipairs(running) do
        if target.process.code then
          note(target)
          return go_on(target, seconds) or table.remove(running, i)
        end
      end
    end, seconds + SLACK), "a fuzz target does not end")
  end
end

local function figure(target)
  local text = ("%d inputs"):format(target.inputs)
  if target.stuck > 0 then
    text = ("%s, %d stuck in C"):format(text, target.stuck)
  end
  return target.process.code == 0 and text
    or ("%s, then %s"):format(text, target.finding or "exit status " .. target.process.code)
end

local function run(options)
  command.output({ "make", "--no-print-directory", "fuzzers" }, { limit = 900 })
  local seconds = options.long and LONG or SHORT
  run_all(seconds)
  local rows = {}
  for _, target in ipairs(TARGETS) do
    rows[#rows + 1] = {
      what = target.what,
      bar = ("no finding in %d s"):format(seconds),
      figure = figure(target),
      ok = target.process.code == 0 and target.inputs > 0,
    }
  end
  folder.remove_all()
  return rows
end

return { area = "fuzzing", run = run }
