-- csi.fault: answers that go wrong on purpose. The host runs this once for a state that asks for it, with
-- the C half as the second argument.
--
-- A fault is a handler, or an answer that a handler may return (userdata of the C half). What stands behind
-- one is a node:
--   take(request, context)  what answers this call, a handler; nil when the fault passes. Never waits, so
--                           that calls get their turns in the order in which they came.
--   is_over()               whether it has given all it has to give: a sequence goes on to the next then
--   bind(method)            readies it for that RPC while the script loads; what is wrong, or nil
local csi = require "csi"
local _, host = ...

local fault = {}

local random = math.random
local nodes = setmetatable({}, { __mode = "k" }) -- by the handler that stands for it

-- ---- arguments ----

-- Raises where the script called the function of fault that called this.
local function misuse(function_name, text, ...)
  error(("fault.%s: %s"):format(function_name, text:format(...)), 4)
end

local function shown(value)
  return type(value) == "number" and tostring(value) or type(value)
end

local function check(condition, function_name, wanted, value)
  if not condition then
    misuse(function_name, "%s, got %s", wanted, shown(value))
  end
end

local function is_seconds(value)
  return type(value) == "number" and value >= 0 and value <= 365 * 86400
end

local function is_count(value)
  return math.type(value) == "integer" and value > 0
end

-- ---- nodes ----

-- A reply, a handler, or an answer of the C half: one call's worth.
local function leaf(value)
  local used = false
  local replies = {} -- by RPC: the table, encoded
  local node = {}

  local function answer(request, context)
    if type(value) == "function" then
      return value(request, context)
    end
    return replies[context.method] or value
  end

  function node.take()
    used = true
    return answer
  end

  function node.is_over()
    return used
  end

  function node.bind(method)
    if type(value) ~= "function" then
      local reply, problem = host.answer(method, value)
      replies[method] = reply
      return problem
    end
  end

  return node
end

local passing = {
  take = function() end,
  is_over = function() return true end,
  bind = function() end,
}

local function is_answer(value)
  local kind = getmetatable(value)
  return type(value) == "userdata" and (kind == "csi.reply" or kind == "csi.fault")
end

-- The node behind a value; where: for the message.
local function node_of(value, function_name, where)
  if value == fault.pass then
    return passing
  end
  local good = type(value) == "table" or type(value) == "function" or is_answer(value)
  if not good then
    misuse(function_name, "%s must be a reply, a handler or a fault, got %s", where, shown(value))
  end
  return nodes[value] or leaf(value)
end

-- The handler that stands for a node.
local function handler_of(node)
  local function handler(request, context)
    local answer = node.take(request, context)
    if not answer then
      return fault.pass
    end
    return answer(request, context)
  end
  nodes[handler] = node
  return handler
end

-- A node around another one, which is asked when opens(request, context) says so.
local function gate(inner, opens)
  return {
    take = function(request, context)
      if opens(request, context) then
        return inner.take(request, context)
      end
    end,
    is_over = inner.is_over,
    bind = inner.bind,
  }
end

-- What is wrong with a value of the script's table for that RPC; nil for what is no fault.
function host.bind(value, method)
  if is_answer(value) then
    return select(2, host.answer(method, value))
  end
  local node = nodes[value]
  return node and node.bind(method)
end

-- ---- in which order ----

-- fault.pass: no answer of the script's: the next of a sequence, at its end what answers an RPC that the
-- script leaves out.
-- @type csi.passed
fault.pass = csi.pass

local function check_list(list, function_name)
  if type(list) ~= "table" or #list == 0 then
    misuse(function_name, "expected a list of replies, handlers and faults, got %s",
      type(list) == "table" and "an empty one" or shown(list))
  end
  for key in pairs(list) do
    if math.type(key) ~= "integer" or key < 1 or key > #list then
      misuse(function_name, "expected a list without holes, got one with the key %s", tostring(key))
    end
  end
end

-- The handler that asks the parts of a list, one after the other, until one does not pass; those for which
-- skip(place) is true are left out.
local function handler_of_parts(parts, skip)
  return handler_of {
    take = function(request, context)
      for i, part in ipairs(parts) do
        local answer = not skip(i) and part.take(request, context)
        if answer then
          return answer
        end
      end
    end,
    is_over = function()
      for _, part in ipairs(parts) do
        if not part.is_over() then
          return false
        end
      end
      return true
    end,
    bind = function(method)
      for _, part in ipairs(parts) do
        local problem = part.bind(method)
        if problem then
          return problem
        end
      end
    end,
  }
end

-- fault.sequence{x, …}: each call gets the first that has something left and does not pass. An x has one call
-- in it, fault.times as many as it says; the last has no end. Then, with fault.pass as the last, it passes.
-- @alias csi.fault.answer table|function|userdata
-- @param list csi.fault.answer[]
-- @return function
function fault.sequence(list)
  local parts = {}
  check_list(list, "sequence")
  for i = 1, #list do
    parts[i] = node_of(list[i], "sequence", "element " .. i)
  end
  return handler_of_parts(parts, function(i)
    return i < #parts and parts[i].is_over()
  end)
end

-- fault.first{x, …}: each call gets the first that does not pass, however often.
-- @param list csi.fault.answer[]
-- @return function
function fault.first(list)
  local parts = {}
  check_list(list, "first")
  for i = 1, #list do
    parts[i] = node_of(list[i], "first", "element " .. i)
  end
  return handler_of_parts(parts, function() return false end)
end

-- fault.times(count, x): x answers so many calls, then it passes.
-- @param count integer
-- @param x csi.fault.answer
-- @return function
function fault.times(count, x)
  check(is_count(count), "times", "count must be an integer of at least 1", count)
  local inner, left = node_of(x, "times", "what comes so many times"), count
  return handler_of {
    take = function(request, context)
      local answer = left > 0 and inner.take(request, context)
      if answer then
        left = left - 1
        return answer
      end
    end,
    is_over = function() return left == 0 end,
    bind = inner.bind,
  }
end

-- fault.after(seconds, x), fault.after({ calls = n }, x): passes until so much time has gone by since the
-- script was loaded, or so many calls have come; then x.
-- @param when number|{ calls: integer }
-- @param x csi.fault.answer
-- @return function
function fault.after(when, x)
  local calls = type(when) == "table" and when.calls
  if calls then
    check(is_count(calls) and next(when, next(when)) == nil, "after",
      "calls must be an integer of at least 1, and nothing beside it", calls)
  else
    check(is_seconds(when), "after", "expected seconds, from 0 to a year, or { calls = n }", when)
  end
  local inner, seen, start = node_of(x, "after", "what comes then"), 0, host.clock()
  return handler_of(gate(inner, function()
    seen = seen + 1
    if calls then
      return seen > calls
    end
    return host.clock() - start >= when
  end))
end

-- ---- for which calls ----

-- Whether all that the pattern has is there.
local function is_part(pattern, value)
  if type(pattern) ~= "table" or type(value) ~= "table" then
    return pattern == value
  end
  for key, part in pairs(pattern) do
    if not is_part(part, value[key]) then
      return false
    end
  end
  return true
end

-- fault.on(predicate, x): x for the calls that predicate(request, context) is true for; or, when it is a
-- table, whose request has all that is in it. Others pass.
-- @param predicate table|fun(request: table, context: csi.context): any
-- @param x csi.fault.answer
-- @return function
function fault.on(predicate, x)
  local is_pattern = type(predicate) == "table"
  check(is_pattern or type(predicate) == "function", "on",
    "expected a function or a part of a request", predicate)
  local inner = node_of(x, "on", "what comes then")
  local node = gate(inner, is_pattern and function(request)
    return is_part(predicate, request)
  end or predicate)
  if is_pattern then
    function node.bind(method)
      local _, problem = host.request(method, predicate)
      return problem or inner.bind(method)
    end
  end
  return handler_of(node)
end

-- fault.flaky(p, x): x with the probability p, from 0 to 1; else it passes. --seed repeats it.
-- @param p number
-- @param x csi.fault.answer
-- @return function
function fault.flaky(p, x)
  check(type(p) == "number" and p >= 0 and p <= 1, "flaky", "probability must be a number from 0 to 1", p)
  return handler_of(gate(node_of(x, "flaky", "what comes then"), function()
    return random() < p
  end))
end

-- ---- when ----

-- fault.delay(seconds, x), fault.delay({ least, most }, x): x, so much later, or at random between the two.
-- The wait does not count as the handler's time.
-- @param seconds number|number[]
-- @param x csi.fault.answer
-- @return function
function fault.delay(seconds, x)
  local range = type(seconds) == "table" and seconds or { seconds, seconds }
  local least, most = range[1], range[2]
  check(is_seconds(least) and is_seconds(most) and least <= most and next(range, 2) == nil, "delay",
    "expected seconds, from 0 to a year, or { least, most }", seconds)
  local inner = x == fault.pass and leaf(x) or node_of(x, "delay", "what comes then")
  return handler_of {
    take = function(request, context)
      local answer = inner.take(request, context)
      return answer and function()
        host.pause(least + (most - least) * random())
        return answer(request, context)
      end
    end,
    is_over = inner.is_over,
    bind = inner.bind,
  }
end

-- fault.hang(): no answer, until the caller gives up; --handler-timeout does not end it.
-- @return userdata
function fault.hang()
  return host.hang
end

-- ---- what is answered ----

-- The answer, and the number of the code.
local function status(function_name, code, message, details)
  local answer, number = host.status(code, message, details)
  if not answer then
    misuse(function_name, "%s", number) -- it says what is wrong
  end
  return answer, number
end

-- fault.fail(code, message): the status, as of csi.fail.
-- @param code csi.code|integer
-- @param message string
-- @return userdata
function fault.fail(code, message)
  local answer = status("fail", code, message)
  return answer
end

-- fault.drop(): the connection is cut, and what else is under way on it ends, too.
-- @return userdata
function fault.drop()
  return host.drop
end

-- fault.vanish(seconds): the socket is gone for so long, and all connections with it.
-- @param seconds number
-- @return userdata
function fault.vanish(seconds)
  check(is_seconds(seconds), "vanish", "expected seconds, from 0 to a year", seconds)
  return (host.vanish(seconds))
end

-- fault.unchecked(reply): the reply, whether it keeps the rules of CSI or not.
-- @param reply table
-- @return userdata
function fault.unchecked(reply)
  check(type(reply) == "table", "unchecked", "expected a reply as a table", reply)
  return (host.unchecked(reply))
end

-- fault.raw(bytes): these bytes as the reply, whatever they are.
-- @param bytes string
-- @return userdata
function fault.raw(bytes)
  check(type(bytes) == "string", "raw", "expected the bytes as a string", bytes)
  return (host.raw(bytes))
end

local function varint(n)
  local bytes = {}
  while n > 127 do
    bytes[#bytes + 1] = string.char(n & 127 | 128)
    n = n >> 7
  end
  return table.concat(bytes) .. string.char(n)
end

-- A field of a message that is text, bytes or a message itself.
local function field(number, bytes)
  return string.char(number << 3 | 2) .. varint(#bytes) .. bytes
end

-- One google.protobuf.Any.
local function any(detail, place)
  local is_table = type(detail) == "table"
  if not (is_table and type(detail.type_url) == "string" and type(detail.value) == "string") then
    misuse("details", "detail %d must be { type_url = text, value = bytes }, got %s", place,
      is_table and "another table" or shown(detail))
  end
  return field(1, detail.type_url) .. field(2, detail.value)
end

-- fault.details(code, message, { type_url =, value = }, …): the status with details, as google.rpc.Status.
-- CSI wants a status without any (section Error Scheme).
-- @param code csi.code|integer
-- @param message string
-- @param ... { type_url: string, value: string }
-- @return userdata
function fault.details(code, message, ...)
  local _, number = status("details", code, message)
  local parts = { string.char(1 << 3) .. varint(number), field(2, message) }
  for i = 1, select("#", ...) do
    parts[#parts + 1] = field(3, any(select(i, ...), i))
  end
  local answer = status("details", code, message, table.concat(parts))
  return answer
end

return fault
