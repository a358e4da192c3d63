-- A luacsi process on a socket of its own for one test, with a client. What is started is stopped by
-- teardown, which fails where something was not clean.

local control = require "luacsi.testing.control"
local current = require "luacsi.testing.current"
local host = require "luacsi.testing.host"
local luacsi = require "luacsi"
local source = require "luacsi.testing.source"

local server = {}

-- A double and its client.
-- @class luacsi.driver
-- @field endpoint string
-- @field socket string
-- @field client luacsi.connection
-- @field exit_code? integer once it was stopped
local Server = { __index = {} }
control.add(Server.__index)

local LIMIT = 30 -- seconds that nothing healthy ever needs
local LOOK_AGAIN = 0.002

local started = {} -- since the last teardown

-- Calls fn() until it gives something; nil once the limit has passed (seconds).
function server.eventually(fn, limit)
  local last = host.clock() + (limit or LIMIT)
  local result = fn()
  while not result and host.clock() < last do
    host.sleep(LOOK_AGAIN)
    result = fn()
  end
  return result or nil
end

-- ---- constants as the text of a script ----

local literal

local function literal_table(value, path)
  local parts = {}
  for key, item in next, value do
    local name = type(key) == "string" and ("[%q]"):format(key) or ("[%s]"):format(key)
    parts[#parts + 1] = ("%s = %s"):format(name, literal(item, path .. "." .. tostring(key)))
  end
  table.sort(parts)
  return "{ " .. table.concat(parts, ", ") .. " }"
end

function literal(value, path)
  local kind = type(value)
  if kind == "table" then
    return literal_table(value, path)
  elseif kind == "string" or kind == "number" or kind == "boolean" then
    return ("%q"):format(value)
  end
  error(("start: %s is a %s, which cannot go into another process: give file or text, or use load")
    :format(path, kind), 0)
end

-- ---- starting ----

local OPTIONS = {
  file = "string", text = "string", handlers = "table",
  config = "table", nodeid = "string", validate = "string", env = "table", flags = "table",
  program = "string", limit = "number", clock = "string", seed = "number",
}

local function sorted_pairs(values)
  local list = {}
  for key, value in pairs(values or {}) do
    list[#list + 1] = ("%s=%s"):format(key, value)
  end
  table.sort(list)
  return list
end

local function write_script(self, options)
  local text = options.text
  if options.handlers then
    text = "return " .. literal(options.handlers, "handlers") .. "\n"
  end
  self.script = options.file or self.folder .. "/script.lua"
  if text then
    source.write(self.script, text)
  end
end

local function control_of(self)
  return ("unix://%s/control.sock"):format(self.folder)
end

local function command_line(self, options)
  local program = options.program or os.getenv "LUACSI" or "luacsi"
  local argv = { program, "serve", self.script, "--endpoint", self.endpoint, "--control", control_of(self) }
  for _, pair in ipairs(sorted_pairs(options.config)) do
    table.move({ "--set", pair }, 1, 2, #argv + 1, argv)
  end
  for _, name in ipairs { "nodeid", "validate", "clock", "seed" } do
    if options[name] then
      table.move({ "--" .. name, tostring(options[name]) }, 1, 2, #argv + 1, argv)
    end
  end
  local flags = options.flags or {}
  return table.move(flags, 1, #flags, #argv + 1, argv)
end

local function remove_files(self)
  os.remove(self.folder .. "/script.lua")
  os.remove(self.folder .. "/log")
  os.remove(self.folder .. "/control.sock")
  os.remove(self.socket)
  os.remove(self.run)
  os.remove(self.folder)
end

local function count_sockets(self)
  return assert(host.sockets(self.child:pid()))
end

-- What it says of itself; nil when it does not answer.
local function get_status(self)
  return (self.client:call("luacsi.v1.Host/GetStatus", {}, { timeout = LIMIT }))
end

-- How many calls besides this one are in flight; nil when it does not answer.
local function count_calls(self)
  local status = get_status(self)
  return status and status.calls_in_flight - 1
end

-- Its log says so once it listens, in either format.
local function is_serving(self)
  return self:log():find('"Serving"', 1, true)
end

local function start(self, options)
  write_script(self, options)
  local argv, env = command_line(self, options), sorted_pairs(options.env)
  self.child = assert(host.spawn(argv, env, self.folder .. "/log"))
  server.eventually(function()
    self.exit_code = self.child:wait(0)
    return self.exit_code or is_serving(self)
  end, self.limit)
  if not is_serving(self) then
    local code = self.exit_code or "none"
    error(("start: the double does not serve (exit code %s)\n%s"):format(code, self:log()), 0)
  end
  self.client = self:connect()
  self.control = assert(luacsi.connect(control_of(self)))
  self:count()
  local is_in_front = assert(get_status(self)).upstream ~= ""
  self.sockets = count_sockets(self) + (is_in_front and 1 or 0) -- its own connection, which comes later
end

-- Starts a double; raises when it does not serve, with its log.
function server.start(options)
  options = source.options("start", options, OPTIONS)
  local self = setmetatable({ connections = {}, limit = options.limit }, Server)
  self.folder, self.run = assert(host.make_folder()), assert(host.make_folder())
  self.socket = self.run .. "/csi.sock"
  self.endpoint = "unix://" .. self.socket
  local ok, message = pcall(function()
    start(self, options)
  end)
  if not ok then
    if self.child then
      self.child:signal "KILL"
      self.child:wait(LIMIT)
    end
    remove_files(self)
    error(message, 0)
  end
  started[#started + 1] = self
  current.driver = self
  return self
end

-- ---- a double ----

-- driver:connect() -> another client, which stop closes.
-- @return luacsi.connection
function Server.__index:connect()
  local connection = assert(luacsi.connect(self.endpoint))
  table.insert(self.connections, connection)
  return connection
end

-- driver:call(method [, request [, { metadata =, timeout = }]]) -> reply, or nil, code, message.
-- @param method csi.method|string
-- @param request? table
-- @param options? { timeout?: number, metadata?: table<string, string> }
-- @return table? reply
-- @return csi.code? code
-- @return string? message
function Server.__index:call(...)
  return self.client:call(...)
end

-- driver:log() -> all that it has written to its log.
-- @return string
function Server.__index:log()
  return source.read(self.folder .. "/log") or ""
end

-- ---- the end of a double ----

local function check_leaks(self, faults)
  for _, connection in ipairs(self.connections) do
    if connection ~= self.client then
      connection:close()
    end
  end
  local calls, sockets
  server.eventually(function()
    calls, sockets = count_calls(self), count_sockets(self)
    return calls == 0 and sockets <= self.sockets
  end, self.limit)
  if not calls then
    faults[#faults + 1] = "it does not answer any more"
  elseif calls > 0 then
    faults[#faults + 1] = calls == 1 and "1 call still runs or waits" or calls .. " calls still run or wait"
  elseif sockets > self.sockets then
    local text = "sockets open that were not at the start: %d; is a client still connected?"
    faults[#faults + 1] = text:format(sockets - self.sockets)
  end
end

local function finish(self, faults)
  self.client:close()
  self.control:close()
  self.child:signal "TERM"
  self.exit_code = self.child:wait(LIMIT)
  if not self.exit_code then
    faults[#faults + 1] = "it does not end at SIGTERM"
    self.child:signal "KILL"
    self.child:wait(LIMIT)
  elseif self.exit_code ~= 0 then
    faults[#faults + 1] = ("it ended with exit code %d"):format(self.exit_code)
  end
  if not os.remove(self.run) then
    faults[#faults + 1] = "it left something beside its socket, or the socket itself"
  end
end

-- driver:stop(): ends it; raises when something was not clean: a call that still waits, a descriptor that
-- is still open, an exit code other than 0, a file beside the socket.
function Server.__index:stop()
  if self.is_stopped then
    return
  end
  self.is_stopped = true
  local faults = {}
  self.exit_code = self.child:wait(0)
  if self.exit_code then
    faults[#faults + 1] = ("it ended before the test did, with exit code %d"):format(self.exit_code)
  else
    check_leaks(self, faults)
    finish(self, faults)
  end
  local log = self:log()
  remove_files(self)
  if #faults > 0 then
    error(("the double was not clean: %s\n%s"):format(table.concat(faults, "; "), log), 2)
  end
end

-- Stops all that was started since the last time; raises what was not clean.
function server.teardown()
  local list, problems = started, {}
  started, current.driver = {}, nil
  for i = #list, 1, -1 do -- what was started later may be connected to what was there before
    local ok, message = pcall(list[i].stop, list[i])
    problems[#problems + 1] = not ok and message or nil
  end
  if #problems > 0 then
    error(table.concat(problems, "\n"), 0)
  end
end

return server
