-- The real binary: servers on fresh sockets, and commands. A spec says `after_each(host.teardown)`;
-- that stops what still runs and fails where something was not clean: another exit status than 0, a
-- file left beside the socket, a report of a sanitizer or of valgrind.
--
-- LUACSI names the binary (build/luacsi), LUACSI_WRAPPER a program that runs it, with arguments.

local uv = require "luv"
local folder = require "spec.support.folder"
local process = require "spec.support.process"
local wait = require "spec.support.wait"

local host = {}
local Server = { __index = {} }

local BINARY = assert(uv.fs_realpath(os.getenv("LUACSI") or "build/luacsi"))

-- Whether it is the build with ThreadSanitizer.
host.HAS_TSAN = BINARY:find "luacsi%-thread$" ~= nil

local TAKEN = 2 -- the exit code when another process listens

local started, folders = {}, {} -- since the last teardown

-- The command line: prefix (a list; say, to set a limit), wrapper, binary, arguments.
local function command_line(prefix, arguments)
  local argv = table.move(prefix or {}, 1, prefix and #prefix or 0, 1, {})
  for word in (os.getenv("LUACSI_WRAPPER") or ""):gmatch("%S+") do
    argv[#argv + 1] = word
  end
  argv[#argv + 1] = BINARY
  return table.move(arguments, 1, #arguments, #argv + 1, argv)
end

-- A new folder that teardown removes: run/ for sockets alone, the rest beside it.
local function new_folder()
  local dir = assert(uv.fs_mkdtemp(uv.os_tmpdir() .. "/luacsi-spec-XXXXXX"))
  assert(uv.fs_chmod(dir, 493)) -- 0755: a spec may drop its privileges
  assert(uv.fs_mkdir(dir .. "/run", 493))
  folders[#folders + 1] = dir
  return dir
end

-- A new, empty folder for sockets, which teardown removes with all that is in it then.
function host.folder()
  return new_folder() .. "/run"
end

local function files_in(dir)
  local list = {}
  local scan = assert(uv.fs_scandir(dir))
  for name in function() return uv.fs_scandir_next(scan) end do
    list[#list + 1] = name
  end
  table.sort(list)
  return list
end

host.files_in = files_in

local function start(arguments, options, dir)
  local child = process.start(command_line(options.prefix, arguments), {
    dir = dir,
    env = options.env,
    stdin = options.stdin,
    cwd = options.cwd,
  })
  started[#started + 1] = child
  return child
end

-- Starts `luacsi ARGUMENTS...` and goes on; teardown waits for its end. options: env, stdin, prefix, cwd.
-- Gives the process.
function host.start(arguments, options)
  return start(arguments, options or {}, new_folder())
end

-- Runs `luacsi ARGUMENTS...` to its end. options: env, stdin, prefix, cwd, limit (seconds).
-- Gives { code =, stdout =, stderr = }.
function host.run(arguments, options)
  options = options or {}
  local child = start(arguments, options, new_folder())
  local code = child:wait(options.limit)
  child.done = true
  return { code = code, stdout = child:stdout(), stderr = child:stderr() }
end

-- The arguments of `serve` (or options.command): options.script is Lua text, options.file a path,
-- options.flags a list.
local function serve_arguments(options, dir, endpoint)
  local arguments = { options.command or "serve" }
  if options.script then
    process.write_file(dir .. "/script.lua", options.script)
  end
  arguments[#arguments + 1] = options.file or options.script and dir .. "/script.lua"
  if endpoint then
    table.move({ "--endpoint", endpoint }, 1, 2, #arguments + 1, arguments)
  end
  local flags = options.flags or {}
  return table.move(flags, 1, #flags, #arguments + 1, arguments)
end

local function new_server(options)
  local dir = new_folder()
  local self = setmetatable({ dir = dir, run_dir = dir .. "/run" }, Server)
  self.socket = options.socket or self.run_dir .. "/csi.sock"
  self.endpoint = options.endpoint or "unix://" .. self.socket
  local flag = options.endpoint ~= false and self.endpoint or nil
  self.process = start(serve_arguments(options, dir, flag), options, dir)
  self.process.server = self
  return self
end

-- Connects and hangs up: does anybody listen? tcp://host:port or unix:///path.
local function listens(endpoint)
  local address, port = endpoint:match("^tcp://%[?([^%]]*)%]?:(%d+)$")
  local handle = port and uv.new_tcp() or uv.new_pipe(false)
  local result
  local function connected(err)
    result = err or "yes"
  end
  if port then
    handle:connect(address, tonumber(port), connected)
  else
    handle:connect(endpoint:gsub("^unix:/*", "/"), connected)
  end
  wait.for_(function() return result end)
  handle:close()
  return result == "yes"
end

host.listens = listens

-- Starts `luacsi serve` and returns once it listens. options: script, file, flags, env, prefix, cwd,
-- socket (a path), endpoint (a whole one). The server has endpoint, socket, run_dir, process.
function host.serve(options)
  local self = new_server(options)
  local ready = wait.for_(function()
    return self.process.code or listens(self.endpoint)
  end)
  if ready ~= true then
    error(("the server does not listen (exit status %s)\n%s"):format(ready, self.process:stderr()), 2)
  end
  return self
end

-- Starts `luacsi serve` that must refuse: it has to end by itself. options as for serve.
-- Gives { code =, stdout =, stderr = }; that nothing was left beside the socket is checked here.
function host.serve_refused(options)
  local self = new_server(options)
  local code = self.process:wait(options.limit)
  self.process.done = true
  local left = files_in(self.run_dir)
  assert(#left == 0, "left beside the socket: " .. table.concat(left, ", "))
  return { code = code, stdout = self.process:stdout(), stderr = self.process:stderr() }
end

-- Starts n servers on one path at the same time, and waits until all but one have ended: those say that
-- another one is there. limit: seconds to wait. Gives the process of the one.
function host.race(path, n, limit)
  local running = {}
  for i = 1, n do
    running[i] = host.start { "serve", "--endpoint", path }
  end
  local function check_ended()
    for i = #running, 1, -1 do
      local child = running[i]
      if child.code then
        assert(child.code == TAKEN and child:stderr():find("another process is already listening", 1, true),
          child:stderr())
        child.done = true
        table.remove(running, i)
      end
    end
    return #running <= 1
  end
  assert(wait.for_(check_ended, limit), "more than one serves")
  local winner = assert(running[1], "none serves")
  assert(wait.for_(function() return listens("unix://" .. path) end, limit), "the one does not listen")
  return winner
end

-- A client of luacsi.so, which teardown closes.
function Server.__index:connect()
  local connection = assert(require("luacsi").connect(self.endpoint))
  self.connections = self.connections or {}
  table.insert(self.connections, connection)
  return connection
end

-- Closes all that connect gave.
function Server.__index:disconnect()
  for _, connection in ipairs(self.connections or {}) do
    connection:close()
  end
  self.connections = nil
end

-- Runs a client command against this server, as host.run.
function Server.__index:run(arguments, options)
  local all = table.move(arguments, 1, #arguments, 1, {})
  table.move({ "--endpoint", self.endpoint }, 1, 2, #all + 1, all)
  return host.run(all, options)
end

function Server.__index:log()
  return self.process:stderr()
end

-- Waits for a line in the log that matches the pattern; gives what string.match gave.
function Server.__index:wait_log(pattern)
  return wait.for_(function() return self:log():match(pattern) end)
    or error(("no line in the log matches %q:\n%s"):format(pattern, self:log()), 2)
end

function Server.__index:signal(name)
  self.process:signal(name)
end

-- Asks it to end, and checks that it went cleanly.
function Server.__index:stop()
  self:disconnect()
  if not self.process.code then
    self:signal("sigterm")
  end
  local code = self.process:wait()
  self.process.done = true
  assert(code == 0, ("the server ended with status %d\n%s"):format(code, self:log()))
  local left = files_in(self.run_dir)
  assert(#left == 0, "left beside the socket: " .. table.concat(left, ", "))
end

-- Stops what still runs, checks all that was started, removes the folders; fails with all it found.
function host.teardown()
  local faults = {}
  local function check(condition, fault)
    if not condition then
      faults[#faults + 1] = fault
    end
  end
  for _, child in ipairs(started) do
    if not child.done then
      local target = child.server or child
      check(pcall(target.stop or target.wait, target))
    end
    check(not child:report(), child:report())
  end
  for _, dir in ipairs(folders) do
    folder.remove(dir)
  end
  started, folders = {}, {}
  assert(#faults == 0, table.concat(faults, "\n"))
end

-- A TCP port of 127.0.0.1 that nobody uses at the moment.
function host.free_port()
  local socket = uv.new_tcp()
  assert(socket:bind("127.0.0.1", 0))
  local port = socket:getsockname().port
  socket:close()
  return port
end

return host
