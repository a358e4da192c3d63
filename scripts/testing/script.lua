-- A script that runs inside the test's own Lua: its handlers are called without a process, a socket or a
-- wait. Requests and replies go through the codec and the rules of luacsi.so, as they would on their way
-- through gRPC.

local csi_stub = require "luacsi.testing.csi"
local current = require "luacsi.testing.current"
local fault = require "luacsi.testing.fault"
local is_part = require "luacsi.testing.part"
local host = require "luacsi.testing.host"
local luacsi = require "luacsi"
local sandbox = require "luacsi.testing.sandbox"
local source = require "luacsi.testing.source"
local tasks = require "luacsi.testing.tasks"
local upstream = require "luacsi.testing.upstream"

local script = {}

-- A script that was loaded.
-- @class luacsi.script
-- @field log { level: string, message: string, fields: table<string, any> }[] what csi.log wrote
-- @class luacsi.call
-- @field time number|string of a script that was loaded, as csi.now(); of one that serves, RFC 3339
-- @field method csi.method
-- @field metadata table<string, string>
-- @field request? table nil where it was too large to be kept
-- @field code csi.code|"OK"
-- @field message? string
-- @field reply? table
-- @class luacsi.filter
-- @field method? csi.method
-- @field code? csi.code|"OK"
-- @field request? table fields that the request has
local Script = { __index = {} }

local HANDLER_TIMEOUT = 5 -- seconds, as of serve
local NAME_BYTES = 64
local LINE_BYTES = 255 -- of a script's error that its caller sees

Script.__index.methods = {} -- by name; of CSI
for _, method in ipairs(luacsi.methods()) do
  Script.__index.methods[method.name] = method
end
Script.__index.status = csi_stub.status
Script.__index.over_time = csi_stub.new_status("DEADLINE_EXCEEDED", "the handler took longer than it may")

-- A table from the codec without what the client's have besides: the order of their fields.
local function plain(value)
  if type(value) == "table" then
    setmetatable(value, nil)
    for _, item in pairs(value) do
      plain(item)
    end
  end
  return value
end

Script.__index.plain = plain

-- ---- loading ----

-- Text as the body of a function with the script's global variables; else nil and a message.
local function compile(self, text, name)
  return load(text:gsub("^#[^\n]*", ""), name, "t", self.env)
end

-- A Lua file as such a function; else nil and a message.
function Script.__index:load_file(path)
  local text, message = source.read(path)
  if not text then
    return nil, message
  end
  return compile(self, text, "@" .. path)
end

-- Runs a file that lies inside of luacsi, and gives what it returns.
function Script.__index:run_embedded(name, ...)
  local text = host.embedded(name) or error(("module '%s' not found: not in luacsi.so"):format(name), 3)
  return assert(compile(self, text, "=[luacsi]/" .. name))(...)
end

local function unknown(name)
  if type(name) ~= "string" then
    return ("expected the name of a CSI method as key, got a %s"):format(type(name))
  end
  local near = host.nearest(name)
  return ("CSI has no method %s%s"):format(name, near and (" (did you mean %s?)"):format(near) or "")
end

-- A constant as { bytes = } or { code =, message = }, or nil and what is wrong with it.
local function constant(self, method, value)
  local prepared = csi_stub.prepared(value)
  if prepared then
    if prepared.message ~= method.response then
      return nil, csi_stub.mismatch(method, prepared)
    end
    return prepared
  end
  local bytes, message, code = self:encode(method, value)
  if bytes then
    return { bytes = bytes }
  elseif code == "UNAVAILABLE" then
    return { code = code, message = message }
  end
  return nil, message
end

-- What answers the method: a function, what constant gives, or what is there already for csi.pass. Else nil
-- and what is wrong.
local function take_entry(self, method, value)
  local problem = self.fault_half and self.fault_half.bind(value, method.name)
  if problem then
    return nil, problem
  elseif value == csi_stub.pass then
    return self.handlers[method.name]
  elseif fault.answer(value) then
    return function() return value end
  elseif type(value) == "function" then
    return value
  elseif type(value) == "table" or csi_stub.prepared(value) then
    return constant(self, method, value)
  end
  return nil, ("%s: expected a function or a table, got %s"):format(method.name, type(value))
end

-- Takes what a script returned, or raises all that is wrong with it.
local function take(self, handlers, name)
  local problems = {}
  if type(handlers) ~= "table" then
    local got = handlers == nil and "nothing: does it end in a return?" or type(handlers)
    error(("%s: expected the script to return a table of handlers, got %s"):format(name, got), 0)
  end
  for key, value in next, handlers do
    local method = type(key) == "string" and self.methods[key]
    local entry, problem
    if method then
      entry, problem = take_entry(self, method, value)
      self.handlers[key] = entry
    else
      problem = unknown(key)
    end
    problems[#problems + 1] = problem
  end
  table.sort(problems)
  if #problems > 0 then
    error(name .. ": " .. table.concat(problems, "\n" .. name .. ": "), 0)
  end
end

local OPTIONS = {
  file = "string", text = "string", handlers = "table",
  config = "table", nodeid = "string", validate = "string", now = "number", timeout = "number",
  seed = "number", env = "table",
  files = "table", exec = "table", http = "table", connect = "table", call = "table", mounts = "table",
  upstream = "function or table",
}

-- Loads a script; raises what is wrong with it, or with the options.
function script.load(options)
  options = source.options("load", options, OPTIONS)
  local self = setmetatable({
    options = options, handlers = {}, log = {}, answered = {}, validate = options.validate or "strict",
    tasks = tasks.new(options.now or 1700000000), limit = options.timeout or HANDLER_TIMEOUT,
    folder = options.file and (options.file:match "^(.*)/[^/]*$" or "."),
  }, Script)
  self.env = sandbox.new(self)
  self.csi = csi_stub.new(self)
  if options.upstream then
    upstream.check(options.upstream, self.methods, unknown)
  else
    take(self, self:run_embedded("defaults.lua"), "defaults.lua")
  end
  self.defaults, self.handlers = self.handlers, setmetatable({}, { __index = self.handlers })
  if options.seed then
    math.randomseed(options.seed)
  end
  local name = options.file or "script"
  if options.handlers then
    take(self, options.handlers, name)
  else
    local text = options.text or assert(source.read(options.file))
    local chunk = assert(compile(self, text, options.file and "@" .. name or "=" .. name))
    take(self, chunk(), name)
  end
  self.tasks:settle()
  current.driver = self
  return self
end

-- ---- what the stub of csi asks ----

function Script.__index:check_wait(name)
  if not self.tasks.running then
    error(name .. " cannot wait here: only a handler can, not a script that is loading", 3)
  elseif not coroutine.isyieldable() then
    error(name .. " cannot wait here: inside a function of Lua's libraries that cannot be suspended", 3)
  end
end

-- The wire form of a reply; else nil, a message and a code. validate: instead of the script's.
function Script.__index:encode(method, reply, validate)
  local bytes, message, code = luacsi.encode(method.response, reply, { validate = validate or self.validate })
  for _, warning in ipairs(bytes and message or {}) do
    self:note("warn", warning)
  end
  return bytes, message, code
end

function Script.__index:note(level, message, fields)
  table.insert(self.log, { level = level, message = message, fields = fields or {} })
end

function Script.__index:note_error(name, value)
  self:note("error", ("%s: %s"):format(name, tostring(value)))
end

-- What was raised, as a code and a message. name: of the method, or of the background work.
function Script.__index:describe(name, value)
  local code, message = csi_stub.status(value)
  if code then
    return code, message
  end
  self:note_error(name, value)
  local line = tostring(value):match("^[^\n]*"):sub(1, LINE_BYTES)
  local _, cut = utf8.len(line)
  return "INTERNAL", ("%s: the script failed: %s"):format(name, cut and line:sub(1, cut - 1) or line)
end

-- ---- calls ----

-- The answer to what the script leaves to others: the driver behind, else the defaults.
local function pass(self, method, bytes)
  if self.options.upstream then
    return upstream.ask(self, method, bytes)
  end
  local default = self.defaults[method.name]
  if not default then
    return nil, "UNIMPLEMENTED", "the script has no handler for this method"
  end
  return default.bytes, default.code, default.message
end

-- What a handler returned to the bytes of a request, as bytes or nil, code, message.
local function take_results(self, method, bytes, reply, code, message)
  local answer = fault.answer(reply)
  if reply == csi_stub.pass then
    return pass(self, method, bytes)
  elseif answer then
    return fault.take(self, method, answer)
  end
  local prepared = csi_stub.prepared(reply)
  if prepared and prepared.message ~= method.response then
    return nil, "INTERNAL", csi_stub.mismatch(method, prepared)
  elseif prepared then
    return prepared.bytes
  elseif reply == nil then
    code, message = csi_stub.failure(code, message)
    return nil, code or "INTERNAL", message
      or ("%s: expected the handler to return a table or nil, code, message"):format(method.name)
  end
  local data, text, status = self:encode(method, reply)
  return data, status, not data and text or nil
end

-- Metadata as gRPC carries it.
local function lower_keys(metadata)
  local lower = {}
  for key, value in pairs(metadata or {}) do
    lower[key:lower()] = value
  end
  return lower
end

local function new_context(self, method, bytes, options)
  local now = self.tasks.now
  self.n_calls = (self.n_calls or 0) + 1
  local metadata = lower_keys(options.metadata)
  return {
    method = method.name,
    id = (metadata["csi.requestid"] or tostring(self.n_calls)):sub(1, NAME_BYTES),
    peer = options.peer or "unix:pid=1,uid=0,gid=0",
    metadata = metadata,
    deadline = options.timeout and now + options.timeout,
    upstream = upstream.of_call(self, method, bytes),
  }
end

-- A handler that answers with fault.hang() never ends by itself.
local function go_on(self, reply, ...)
  local answer = fault.answer(reply)
  if answer and answer.kind == "hang" then
    self.tasks:hang()
  end
  return reply, ...
end

local function run(self, method, handler, bytes, options)
  local request = plain(luacsi.decode(method.request, bytes))
  local context = new_context(self, method, bytes, options)
  local function over_time()
    return self.over_time
  end
  local task = self.tasks:start(function()
    return go_on(self, handler(request, context))
  end, { limit = self.limit, on_limit = over_time })
  local deadline = options.timeout and self.tasks:set_timer(options.timeout, function()
    self.tasks:cancel(task, over_time())
  end)
  self.tasks:finish(task)
  if deadline then
    self.tasks:clear_timer(deadline)
  end
  if not task.ok then
    return nil, self:describe(method.name, task.results[1])
  end
  return take_results(self, method, bytes, table.unpack(task.results, 1, task.results.n))
end

local function answer(self, method, bytes, options)
  local handler = self.handlers[method.name]
  if method.streaming then
    return nil, "UNIMPLEMENTED", "streaming replies are not supported yet"
  elseif self.vanished_until and self.tasks.now < self.vanished_until then
    return nil, "UNAVAILABLE", "the socket has vanished, as the script says"
  elseif not handler then
    return pass(self, method, bytes)
  elseif type(handler) == "function" then
    return run(self, method, handler, bytes, options)
  end
  return handler.bytes, handler.code, handler.message
end

local OF_CALL = { metadata = "table", timeout = "number", peer = "string" }

-- script:call(method [, request [, { metadata =, timeout =, peer = }]]) -> reply, or nil, code, message:
-- what a client would get. Waits of the handler pass on the virtual clock.
-- @param method csi.method
-- @param request? table
-- @param options? { metadata?: table<string, string>, timeout?: number, peer?: string }
-- @return table? reply
-- @return csi.code? code
-- @return string? message
function Script.__index:call(name, request, options)
  local method = self.methods[name]
  if not method then
    error(("bad argument #1 to 'call' (%s)"):format(unknown(name)), 2)
  end
  source.check_options("call", options or {}, OF_CALL)
  local bytes, wrong = luacsi.encode(method.request, request or {})
  if not bytes then
    error(("bad argument #2 to 'call' (%s)"):format(wrong), 2)
  end
  local record = {
    time = self.tasks.now, method = name, metadata = lower_keys(options and options.metadata),
    request = plain(luacsi.decode(method.request, bytes)),
  }
  table.insert(self.answered, record)
  local data, code, message = answer(self, method, bytes, options or {})
  record.code, record.message = code or "OK", message
  record.reply = data and luacsi.decode(method.response, data)
  if data then
    return luacsi.decode(method.response, data)
  end
  return nil, code, message
end

-- script:calls([filter]) -> list of calls that it has answered, oldest first. filter: { method =, code =,
-- request = }; a request matches when these of its fields are so.
-- @param filter? luacsi.filter
-- @return luacsi.call[]
function Script.__index:calls(filter)
  local list = {}
  for _, call in ipairs(self.answered) do
    if is_part(filter or {}, call) then
      list[#list + 1] = call
    end
  end
  return list
end

-- script:count([filter]) -> how many calls match.
-- @param filter? luacsi.filter
-- @return integer
function Script.__index:count(filter)
  return #self:calls(filter)
end

-- script:advance(seconds): lets time go by; background work comes when it is due.
-- @param seconds number
function Script.__index:advance(seconds)
  self.tasks:advance(seconds)
end

-- script:now() -> seconds since the epoch, on the virtual clock.
-- @return number
function Script.__index:now()
  return self.tasks.now
end

return script
