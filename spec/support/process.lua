-- Child processes. What they print goes to files, so that no child ever waits for us to read.

local uv = require "luv"
local wait = require "spec.support.wait"

local process = {}
local Process = { __index = {} }

local function read_file(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("a")
  file:close()
  return text
end

local function write_file(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  assert(file:close())
end

process.read_file, process.write_file = read_file, write_file

-- Saves a file as many editors do: whoever looks sees the old content or the new one, nothing between.
function process.replace_file(path, text)
  write_file(path .. ".new", text)
  assert(uv.fs_rename(path .. ".new", path))
end

-- Our environment without what configures luacsi or a CSI driver; then the changes (false: not there).
local function environment(changes)
  local values = uv.os_environ()
  for name in pairs(values) do
    if name:find("^LUACSI") or name:find("^CSI_") or name == "KUBE_NODE_NAME" then
      values[name] = nil
    end
  end
  for name, value in pairs(changes or {}) do
    values[name] = value or nil
  end
  local list = {}
  for name, value in pairs(values) do
    list[#list + 1] = name .. "=" .. value
  end
  return list
end

process.environment = environment

-- Starts a program: argv, and in options: dir (an existing folder, for what it prints), env (changes of
-- the environment), stdin (text; else empty), cwd.
function process.start(argv, options)
  local self = setmetatable({ argv = argv, dir = options.dir }, Process)
  write_file(self.dir .. "/stdin", options.stdin or "")
  local stdin = assert(uv.fs_open(self.dir .. "/stdin", "r", 0))
  local stdout = assert(uv.fs_open(self.dir .. "/stdout", "w", 384))
  local stderr = assert(uv.fs_open(self.dir .. "/stderr", "a", 384))
  local handle, pid = uv.spawn(argv[1], {
    args = table.move(argv, 2, #argv, 1, {}),
    stdio = { stdin, stdout, stderr },
    env = environment(options.env),
    cwd = options.cwd,
  }, function(code, signal)
    self.code = signal ~= 0 and 128 + signal or code
    self.handle:close()
  end)
  for _, fd in ipairs { stdin, stdout, stderr } do
    assert(uv.fs_close(fd))
  end
  self.handle, self.pid = assert(handle, pid), pid
  return self
end

function Process.__index:stdout()
  return read_file(self.dir .. "/stdout")
end

function Process.__index:stderr()
  return read_file(self.dir .. "/stderr")
end

function Process.__index:signal(name)
  assert(self.handle:kill(name))
end

-- The exit status (128 + signal, where a signal ended it). An error once the limit has passed; the
-- process is killed then.
function Process.__index:wait(limit)
  if not wait.for_(function() return self.code end, limit) then
    self:signal("sigkill")
    wait.for_(function() return self.code end)
    error(("does not end: %s\n%s"):format(table.concat(self.argv, " "), self:stderr()), 2)
  end
  return self.code
end

-- What a sanitizer or valgrind reported; nil: nothing.
function Process.__index:report()
  local text = self:stderr()
  for _, mark in ipairs { "Sanitizer", "runtime error:", "==%d+==" } do
    if text:find(mark) then
      return text
    end
  end
end

return process
