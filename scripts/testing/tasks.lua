-- Coroutines on a virtual clock: time stands still while they run, and jumps to the next timer when all of
-- them wait. What runs handlers and background work of a script that luacsi.testing has loaded.

local tasks = {}
local Tasks = { __index = {} }

-- What a task yields when it waits, to tell it from a yield of the script's own.
local WAITS = setmetatable({}, { __name = "luacsi.testing.waits" })

-- now: seconds since the epoch.
function tasks.new(now)
  return setmetatable({ now = now + 0.0, ready = {}, timers = {}, running = nil }, Tasks)
end

-- ---- timers: sorted by time, those of one moment in the order in which they were set ----

-- Calls fn() once, so many seconds from now. Gives the timer, for clear.
function Tasks.__index:set_timer(seconds, fn)
  local timer = { time = self.now + seconds, fn = fn }
  local i = #self.timers
  while i > 0 and self.timers[i].time > timer.time do
    i = i - 1
  end
  table.insert(self.timers, i + 1, timer)
  return timer
end

function Tasks.__index:clear_timer(timer)
  for i, other in ipairs(self.timers) do
    if other == timer then
      table.remove(self.timers, i)
      return
    end
  end
end

-- ---- tasks ----

local function finish(self, task, ok, ...)
  task.is_done, task.ok, task.results = true, ok, table.pack(...)
  if task.limit then
    self:clear_timer(task.limit)
  end
  if task.done then
    task.done(ok, ...)
  end
end

local function take(self, task, ok, ...)
  if coroutine.status(task.co) ~= "suspended" then
    finish(self, task, ok, ...)
  elseif (...) ~= WAITS then
    finish(self, task, false, "attempt to yield from outside a coroutine")
  end
end

local function run(self, task, ...)
  local before = self.running
  self.running = task
  take(self, task, coroutine.resume(task.co, ...))
  self.running = before
end

-- Ends a task that waits: nothing of it runs any more.
function Tasks.__index:cancel(task, ...)
  if not task.is_done then
    finish(self, task, false, ...)
  end
end

-- Has fn() run as a task in its turn. options: limit (seconds; then it is ended with the values of
-- on_limit()), on_limit, done (is called with what pcall would give).
function Tasks.__index:start(fn, options)
  local task = { co = coroutine.create(fn), done = options.done }
  if options.limit then
    task.limit = self:set_timer(options.limit, function()
      self:cancel(task, options.on_limit())
    end)
  end
  self:wake(task)
  return task
end

-- The running task goes on with these values in its turn, unless it was ended.
function Tasks.__index:wake(task, ...)
  table.insert(self.ready, { task = task, values = table.pack(...) })
end

-- Suspends the running task; gives the values of the wake that ends it.
function tasks.suspend()
  return select(2, coroutine.yield(WAITS))
end

function Tasks.__index:sleep(seconds)
  local task = self.running
  self:set_timer(seconds, function() self:wake(task, true) end)
  tasks.suspend()
end

-- Sleeps without counting it as the task's time: its limit comes so much later.
function Tasks.__index:pause(seconds)
  local task = self.running
  local limit = task.limit
  if limit then
    self:clear_timer(limit)
    task.limit = self:set_timer(limit.time - self.now + seconds, limit.fn)
  end
  self:sleep(seconds)
end

-- The running task waits for nothing, and no limit of its own ends it.
function Tasks.__index:hang()
  local task = self.running
  if task.limit then
    self:clear_timer(task.limit)
  end
  tasks.suspend()
end

-- ---- the loop ----

-- Runs what can run without time going by.
function Tasks.__index:settle()
  while #self.ready > 0 do
    local next_turn = table.remove(self.ready, 1)
    if not next_turn.task.is_done then
      run(self, next_turn.task, true, table.unpack(next_turn.values, 1, next_turn.values.n))
    end
  end
end

local function fire(self)
  local timer = table.remove(self.timers, 1)
  self.now = math.max(self.now, timer.time)
  timer.fn()
  self:settle()
end

-- Lets so many seconds go by.
function Tasks.__index:advance(seconds)
  local stop = self.now + seconds
  self:settle()
  while self.timers[1] and self.timers[1].time <= stop do
    fire(self)
  end
  self.now = stop
end

-- Lets time go by until the task is done.
function Tasks.__index:finish(task)
  self:settle()
  while not task.is_done do
    if not self.timers[1] then
      error("the handler waits for what never comes", 0)
    end
    fire(self)
  end
end

-- ---- coroutines of the script ----

-- A library coroutine through which a wait passes: the host's, not the script's own yield.
function tasks.coroutines()
  local library = {}
  for name, fn in pairs(coroutine) do
    library[name] = fn
  end

  local function go_on(co, ok, first, ...)
    if ok and first == WAITS and coroutine.status(co) == "suspended" then
      return go_on(co, coroutine.resume(co, coroutine.yield(WAITS)))
    end
    return ok, first, ...
  end

  function library.resume(co, ...)
    return go_on(co, coroutine.resume(co, ...))
  end

  local function unwrap(co, ok, ...)
    if ok then
      return ...
    end
    coroutine.close(co)
    error((...), 0)
  end

  function library.wrap(fn)
    local co = coroutine.create(fn)
    return function(...)
      return unwrap(co, library.resume(co, ...))
    end
  end

  return library
end

return tasks
