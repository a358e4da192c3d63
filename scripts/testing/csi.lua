-- The csi module for a script that runs inside a test: the same functions with the same checks, on a virtual
-- clock, and without a world but the one that the test makes up.

local luacsi = require "luacsi"
local background = require "luacsi.testing.background"
local check = require "luacsi.testing.check"
local host = require "luacsi.testing.host"
local store = require "luacsi.testing.store"
local world = require "luacsi.testing.world"

local stub = {}

-- ---- failing ----

local Status = {
  __metatable = "csi.status",
  __tostring = function(status) return status.code .. ": " .. status.message end,
}
local statuses = setmetatable({}, { __mode = "k" }) -- all that exist

-- What a status can carry.
local function is_message(text)
  return type(text) == "string" and #text > 0 and #text <= 1024 and utf8.len(text) and not text:find "\0"
end

-- What csi.fail raises.
function stub.new_status(code, message)
  local status = setmetatable({ code = code, message = message }, Status)
  statuses[status] = true
  return status
end

-- The code and the message of what csi.fail raised; nil for anything else, also for one that a script
-- spoiled.
function stub.status(value)
  if statuses[value] and host.status(value.code) and is_message(value.message) then
    return host.status(value.code), value.message
  end
end

-- The code and the message that a handler returned behind nil; nil when they are none.
function stub.failure(code, message)
  if host.status(code) and is_message(message) then
    return host.status(code), message
  end
end

local function fail(code, message)
  local name = host.status(code)
  if not name then
    check.misuse(1, "fail", "expected the name or number of a gRPC status other than OK")
  elseif type(message) ~= "string" then
    check.misuse(2, "fail", "string expected, got %s", type(message))
  elseif not is_message(message) then
    check.misuse(2, "fail", "expected a message of 1 to 1024 bytes that says why, in UTF-8, without NUL")
  end
  error(stub.new_status(name, message), 0)
end

-- ---- prepared replies ----

local Reply = { __metatable = "csi.reply" }
local replies = setmetatable({}, { __mode = "k" }) -- from csi.reply to { message =, bytes = }

-- What csi.reply made of value: its message type and bytes; nil when it is none.
function stub.prepared(value)
  return replies[value]
end

-- What is wrong with a prepared reply that is for another method.
function stub.mismatch(method, prepared)
  return ("%s: expected a reply to %s, got one that is %s"):format(method.name, method.name, prepared.message)
end

-- A prepared reply; nil, a message and a code when the table cannot be one. validate: as in csi.reply.
function stub.prepare(script, method, reply, validate)
  local bytes, message, code = script:encode(method, reply, validate)
  if not bytes then
    return nil, message, code
  end
  local box = host.box(Reply)
  replies[box] = { message = method.response, bytes = bytes }
  return box
end

-- The method of that name, the first argument of that function of csi.
local function check_method(script, function_name, name)
  check.type(1, function_name, name, "string")
  return script.methods[name] or check.misuse(1, function_name, "expected the name of a CSI method")
end

local function check_validate(options)
  for key in pairs(options or {}) do
    if key ~= "validate" then
      check.misuse(3, "reply", "unknown option \"%s\"", key)
    end
  end
  local validate = options and options.validate
  if validate ~= nil and validate ~= "off" then
    check.misuse(3, "reply", "validate: expected \"off\" or nothing")
  end
  return validate
end

local function add_reply(csi, script)
  function csi.reply(method, reply, options)
    local known = check_method(script, "reply", method)
    check.type(2, "reply", reply, "table")
    check.optional(3, "reply", options, "table")
    local box, message, code = stub.prepare(script, known, reply, check_validate(options))
    if not box and code == "INTERNAL" then
      error(message, 2)
    elseif not box then
      error(stub.new_status(code, message), 0)
    end
    return box
  end
end

local function add_request(csi, script)
  function csi.request(method, request)
    local message = check_method(script, "request", method).request
    check.type(2, "request", request, "table")
    local bytes, problem = luacsi.encode(message, request, { validate = "off" })
    if not bytes then
      error(problem, 2)
    end
    local known = luacsi.decode(message, bytes)
    for _, field in ipairs(luacsi.fields(message)) do
      if field.secret then
        known[field.name] = nil
      end
    end
    return known
  end
end

-- ---- the log ----

local function add_log(csi, script)
  csi.log = {}
  for _, name in ipairs { "info", "warn", "error", "debug" } do
    csi.log[name] = function(message, fields)
      check.type(1, name, message, "string")
      check.optional(2, name, fields, "table")
      for key in pairs(fields or {}) do
        if type(key) ~= "string" then
          check.misuse(2, name, "expected strings as keys")
        end
      end
      script:note(name, message, fields)
    end
  end
end

-- ---- the module ----

stub.pass = host.box { __metatable = false }

local function copy(from)
  local to = {}
  for key, value in pairs(from) do
    to[key] = value
  end
  return to
end

-- script: what it belongs to, see luacsi.testing.script.
function stub.new(script)
  local tasks, options = script.tasks, script.options
  local csi = {
    fail = fail,
    pass = stub.pass,
    json = copy(luacsi.json),
    version = luacsi.version,
    config = copy(options.config or {}),
    store = store.new(tasks),
  }
  csi.config.nodeid = csi.config.nodeid or options.nodeid or "node-1"
  add_reply(csi, script)
  add_request(csi, script)
  add_log(csi, script)

  function csi.now()
    return tasks.now
  end

  function csi.sleep(seconds)
    check.seconds(1, "sleep", seconds, 0)
    script:check_wait("csi.sleep")
    tasks:sleep(seconds)
  end

  function csi.env(name)
    check.type(1, "env", name, "string")
    return (options.env or {})[name]
  end

  world.add(csi, script)
  background.add(csi, script)
  script:run_embedded("csi.lua", csi)
  return csi
end

return stub
