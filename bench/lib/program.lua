-- Child processes: one that runs to its end, or one that serves until it is stopped; and what the
-- kernel says of it. program.stop_all ends those that still run.

local uv = require "luv"

local program = {}
local running = {}
local Program = { __index = {} }

local function read_all(path)
  local file = io.open(path, "rb")
  local text = file and file:read("a") or ""
  if file then
    file:close()
  end
  return text
end

-- Standard error of a server that is measured must not fill the terminal, nor slow it down.
program.null = assert(uv.fs_open("/dev/null", "w", 0))

-- Starts argv, on the core named cpu unless that is nil. Its standard input stays open until :stop or
-- :close_input; what it prints is collected, its log is dropped.
function program.start(argv, cpu)
  local self = setmetatable({ argv = argv, output = "" }, Program)
  if cpu then
    argv = { "taskset", "-c", cpu, table.unpack(argv) }
  end
  local stdin, stdout = uv.new_pipe(), uv.new_pipe()
  local handle, pid = uv.spawn(argv[1], {
    args = table.move(argv, 2, #argv, 1, {}),
    stdio = { stdin, stdout, program.null },
  }, function(code, signal)
    self.code = signal ~= 0 and 128 + signal or code
    running[self] = nil
    self.handle:close()
    self:close_input()
  end)
  assert(handle, ("%s: %s"):format(argv[1], pid))
  self.handle, self.pid, self.stdin = handle, pid, stdin
  running[self] = true
  stdout:read_start(function(_, chunk)
    self.output = self.output .. (chunk or "")
    if not chunk then
      stdout:close()
      self.is_read = true
    end
  end)
  return self
end

function Program.__index:close_input()
  if self.stdin then
    self.stdin:close()
    self.stdin = nil
  end
end

-- Waits until it has ended and all that it printed is here; its exit status (128 + signal).
function Program.__index:wait()
  while not (self.code and self.is_read) do
    uv.run("once")
  end
  return self.code
end

-- Waits until it has printed a line that contains text.
function Program.__index:wait_for(text)
  while not self.output:find(text, 1, true) do
    assert(not self.code, ("%s ended"):format(table.concat(self.argv, " ")))
    uv.run("once")
  end
end

function Program.__index:stop()
  if not self.code then
    self.handle:kill("sigterm")
  end
  return self:wait()
end

function Program.__index:kill()
  if not self.code then
    self.handle:kill("sigkill")
  end
  self:wait()
end

function program.stop_all()
  for self in pairs(running) do
    self.handle:kill("sigkill")
  end
end

-- The processor time that its threads have used, in nanoseconds.
function Program.__index:cpu()
  local sum, folder = 0, ("/proc/%d/task"):format(self.pid)
  for thread in uv.fs_scandir_next, assert(uv.fs_scandir(folder)) do
    local on_cpu = read_all(("%s/%s/schedstat"):format(folder, thread)):match("^%d+")
    sum = sum + (tonumber(on_cpu) or 0)
  end
  return sum
end

-- Its memory in KiB: resident, and proportional (pages that others share count in part).
function Program.__index:memory()
  local text = read_all(("/proc/%d/smaps_rollup"):format(self.pid))
  return tonumber(text:match("\nRss:%s+(%d+)")), tonumber(text:match("\nPss:%s+(%d+)"))
end

-- Runs argv to its end; what it printed. An error when it fails.
function program.run(argv, cpu)
  local self = program.start(argv, cpu)
  self:close_input()
  local code = self:wait()
  assert(code == 0, ("%s: exit status %d"):format(table.concat(argv, " "), code))
  return self.output
end

program.read_all = read_all

return program
