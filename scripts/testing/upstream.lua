-- The driver behind a script that runs inside a test, in place of serve --upstream: a function that gets a
-- method and a request, or a table from methods to replies. Either may fail as a handler does. What it
-- answers need not keep the rules of CSI: that of a driver does not, either.

local check = require "luacsi.testing.check"
local csi_stub = require "luacsi.testing.csi"
local luacsi = require "luacsi"

local upstream = {}

-- The wire form of its reply to method; raises where the test gave none.
local function encode(method, reply)
  if type(reply) ~= "table" then
    local text = "upstream: %s: expected a reply or nil, code, message, got %s"
    error(text:format(method.name, type(reply)), 0)
  end
  local bytes, problem = luacsi.encode(method.response, reply, { validate = "off" })
  return bytes or error("upstream: " .. problem, 0)
end

-- Whether an entry of the table is a failure: { code =, message = }.
local function is_failure(entry)
  return type(entry) == "table" and entry.code ~= nil
end

local function take(method, reply, code, message)
  if reply ~= nil or code == nil then
    return encode(method, reply)
  end
  local name, text = csi_stub.failure(code, message)
  if not name then
    local problem = "upstream: %s: expected code and message of a status, got %s, %s"
    error(problem:format(method.name, tostring(code), tostring(message)), 0)
  end
  return nil, name, text
end

-- Raises what is wrong with one that is a table. unknown: gives the message for what is no method.
function upstream.check(driver, methods, unknown)
  if type(driver) ~= "table" then
    return
  end
  for name, entry in pairs(driver) do
    local method = methods[name] or error("upstream: " .. unknown(name), 0)
    if is_failure(entry) then
      take(method, nil, entry.code, entry.message)
    elseif type(entry) ~= "function" then
      encode(method, entry)
    end
  end
end

-- What it answers to the bytes of a request: bytes, or nil, code, message.
function upstream.ask(script, method, bytes)
  local driver = script.options.upstream
  local request = script.plain(luacsi.decode(method.request, bytes))
  if type(driver) == "function" then
    return take(method, driver(method.name, request))
  end
  local entry = driver[method.name]
  if entry == nil then
    return nil, "UNIMPLEMENTED", "the driver behind does not answer " .. method.name
  elseif type(entry) == "function" then
    return take(method, entry(request))
  elseif is_failure(entry) then
    return take(method, nil, entry.code, entry.message)
  end
  return encode(method, entry)
end

-- context.upstream of a call whose request has these bytes; nil where no driver is behind.
function upstream.of_call(script, method, bytes)
  if not script.options.upstream then
    return nil
  end
  return function(request)
    script:check_wait("context.upstream")
    check.optional(1, "upstream", request, "table")
    local sent, problem = bytes, nil
    if request then
      sent, problem = luacsi.encode(method.request, request, { validate = "off" })
    end
    if not sent then
      check.misuse(1, "upstream", "%s", problem)
    end
    local reply, code, message = upstream.ask(script, method, sent)
    if reply then
      return script.plain(luacsi.decode(method.response, reply))
    end
    return nil, code, message
  end
end

return upstream
