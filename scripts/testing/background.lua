-- Background work of a script inside a test: csi.every, csi.check and csi.run on the virtual clock. Periods
-- are kept exactly, so that each run comes at a moment that the test knows.

local check = require "luacsi.testing.check"
local host = require "luacsi.testing.host"
local tasks = require "luacsi.testing.tasks"

local background = {}

local SHORTEST_PERIOD, DEFAULT_TIMEOUT = 0.001, 5

-- Runs fn again and again; done(ok, ...) hears of each run.
local function periodic(script, period, timeout, fn, done)
  local function run()
    script.tasks:start(fn, {
      limit = timeout,
      on_limit = function() return "took longer than it may" end,
      done = function(...)
        done(...)
        script.tasks:set_timer(period, run)
      end,
    })
  end
  run()
end

-- ---- csi.every ----

local function add_every(csi, script)
  function csi.every(seconds, fn, options)
    check.seconds(1, "every", seconds, SHORTEST_PERIOD)
    check.type(2, "every", fn, "function")
    check.options(3, "every", options, { timeout = true })
    periodic(script, seconds, options and options.timeout or DEFAULT_TIMEOUT, fn, function(ok, message)
      if not ok then
        script:note_error("csi.every", message)
      end
    end)
  end
end

-- ---- csi.check ----

local OF_CHECK = { every = true, timeout = true, rise = true, fall = true, initial = true }

local function check_threshold(options, name, fallback)
  local value = options[name]
  if value == nil then
    return fallback
  elseif math.type(value) ~= "integer" or value < 1 or value > 1000 then
    error(("bad argument #2 to 'check' (%s: expected integer from 1 to 1000)"):format(name), 3)
  end
  return value
end

local function change(script, self, state)
  if self.state ~= state then
    script:note(state == "up" and "info" or "warn", "Check changed",
      { check = self.name, from = self.state, to = state, reason = self.reason or "" })
    self.state, self.since = state, script.tasks.now
  end
end

-- One run is over: it passed (true), it says not yet ("pending"), or it failed ("down").
local function count(script, self, outcome, reason)
  local passed = outcome == "up"
  self.passes = passed and self.passes + 1 or 0
  self.failures = passed and 0 or self.failures + 1
  if not passed or self.passes >= self.rise then
    self.reason = not passed and reason or nil
  end
  if passed and self.passes >= self.rise then
    change(script, self, "up")
  elseif not passed and self.failures >= self.fall then
    change(script, self, outcome)
  end
end

-- What a run returned or raised, as an outcome and a reason.
local function judge(script, ok, value, reason)
  reason = type(reason) == "string" and reason ~= "" and reason or nil
  if not ok then
    local code, message = script.status(value)
    if not code then
      script:note_error("csi.check", value)
    end
    return code == "UNAVAILABLE" and "pending" or "down", message or tostring(value)
  elseif value == nil then
    return "down", reason or "failed, without a reason"
  elseif not value then
    return "pending", reason or "not yet"
  end
  return "up"
end

local FIELDS = { name = true, state = true, reason = true, since = true }

local function add_check(csi, script)
  function csi.check(name, options, fn)
    check.type(1, "check", name, "string")
    if #name < 1 or #name > 63 or name:find "\0" then
      check.misuse(1, "check", "expected 1 to 63 bytes")
    end
    check.options(2, "check", options, OF_CHECK)
    check.type(3, "check", fn, "function")
    options = options or {}
    if options.initial ~= nil and type(options.initial) ~= "boolean" then
      check.misuse(2, "check", "initial: expected true or false")
    end
    local self = {
      name = name, passes = 0, failures = 0, since = script.tasks.now,
      state = options.initial == nil and "unknown" or options.initial and "up" or "down",
      rise = check_threshold(options, "rise", 1), fall = check_threshold(options, "fall", 3),
    }
    if options.every ~= nil then
      check.seconds(2, "check", options.every, SHORTEST_PERIOD)
    end
    periodic(script, options.every or 10, options.timeout or DEFAULT_TIMEOUT, fn, function(...)
      count(script, self, judge(script, ...))
    end)
    return host.box {
      __metatable = "csi.check",
      __index = function(_, field) return FIELDS[field] and self[field] end,
    }
  end
end

-- ---- csi.run ----

local Run = { __index = {}, __metatable = "csi.run" }
local runs = setmetatable({}, { __mode = "k" }) -- from what the script holds to what is known of it

local function outcome(self)
  if self.code then
    return self.code, self.message
  end
end

function Run.__index:wait()
  local run = runs[self]
  if not run.is_done then
    run.script:check_wait("run:wait")
    table.insert(run.waiting, run.script.tasks.running)
    tasks.suspend()
  end
  return outcome(run)
end

function Run.__index:is_done()
  return runs[self].is_done
end

local function add_run(csi, script)
  function csi.run(fn)
    check.type(1, "run", fn, "function")
    if not script.tasks.running then
      error("csi.run is for handlers, not for a script that is loading", 2)
    end
    local box = host.box(Run)
    local run = { script = script, waiting = {}, is_done = false }
    runs[box] = run
    script.tasks:start(fn, {
      limit = script.limit,
      on_limit = function() return script.over_time end,
      done = function(ok, value)
        run.is_done = true
        if not ok then
          run.code, run.message = script:describe("csi.run", value)
        end
        for _, task in ipairs(run.waiting) do
          script.tasks:wake(task, true)
        end
      end,
    })
    return box
  end
end

function background.add(csi, script)
  add_every(csi, script)
  add_check(csi, script)
  add_run(csi, script)
end

return background
