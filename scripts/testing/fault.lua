-- What csi.fault has in C, for a script that runs inside a test: the answers that are no replies, and the
-- wait that does not count as the handler's time. There is no connection here, so one that is cut is a
-- status alone.

local check = require "luacsi.testing.check"
local host = require "luacsi.testing.host"
local luacsi = require "luacsi"

local fault = {}

local Answer = { __metatable = "csi.fault" }
local answers = setmetatable({}, { __mode = "k" }) -- from userdata to { kind =, … }

local function new(answer)
  local box = host.box(Answer)
  answers[box] = answer
  return box
end

-- What value stands for: { kind =, … }; nil when it is no answer of csi.fault.
function fault.answer(value)
  return answers[value]
end

-- The half of csi.fault for a script. Its field bind is set by the other half.
function fault.new(script, stub)
  local half = { hang = new { kind = "hang" }, drop = new { kind = "drop" } }

  function half.status(code, message)
    local name, text = stub.failure(code, message)
    if not host.status(code) then
      return nil, "code must be the name or number of a gRPC status other than OK"
    elseif not name then
      return nil, "message must be 1 to 1024 bytes of UTF-8 without NUL"
    end
    return new { kind = "status", code = name, message = text }, host.number(name)
  end

  function half.raw(bytes)
    return new { kind = "raw", bytes = bytes }
  end

  function half.unchecked(reply)
    return new { kind = "unchecked", reply = reply }
  end

  function half.vanish(seconds)
    check.seconds(1, "vanish", seconds, 0)
    return new { kind = "vanish", seconds = seconds }
  end

  function half.pause(seconds)
    script:check_wait("fault.delay")
    script.tasks:pause(seconds)
  end

  function half.clock()
    return script.tasks.now
  end

  function half.answer(method, value)
    local known, answer = script.methods[method], answers[value]
    if answer and answer.kind == "unchecked" then
      local bytes, problem = luacsi.encode(known.response, answer.reply)
      return bytes and value, problem
    end
    local prepared = stub.prepared(value)
    if prepared and prepared.message ~= known.response then
      return nil, stub.mismatch(known, prepared)
    elseif type(value) == "table" then
      return stub.prepare(script, known, value)
    end
    return value
  end

  function half.request(method, pattern)
    local bytes, problem = luacsi.encode(script.methods[method].request, pattern)
    return bytes and true or nil, problem
  end

  return half
end

local take = {}

function take.status(_, _, answer)
  return nil, answer.code, answer.message
end

function take.raw(_, method, answer)
  local reply, problem = luacsi.decode(method.response, answer.bytes)
  if not reply then
    return nil, "INTERNAL", problem
  end
  return answer.bytes
end

function take.unchecked(_, method, answer)
  local bytes, problem, code = luacsi.encode(method.response, answer.reply, { validate = "off" })
  return bytes, not bytes and code or nil, problem
end

function take.drop()
  return nil, "UNAVAILABLE", "the connection is cut, as the script says"
end

function take.vanish(script, _, answer)
  script.vanished_until = script.tasks.now + answer.seconds
  return nil, "UNAVAILABLE", "the socket vanishes, as the script says"
end

-- What a handler that returned such an answer gives its caller: bytes, or nil, code, message.
function fault.take(script, method, answer)
  return take[answer.kind](script, method, answer)
end

return fault
