-- Assertions for luassert: assert.reply(driver:call("Probe")).has.status "ABORTED".

local assert = require "luassert"
local current = require "luacsi.testing.current"
local is_part = require "luacsi.testing.part"
local luacsi = require "luacsi"
local namespace = require "luassert.namespaces"
local say = require "say"
require "luassert.spy"

local function reply_of(state, level)
  local reply = rawget(state, "luacsi_reply")
  if not reply then
    error("this must be chained after 'reply(driver:call(...))'", level + 1)
  end
  return reply
end

-- What a call gave, in words.
local function describe(reply)
  if reply[1] ~= nil then
    return "OK"
  end
  return ("%s: %s"):format(reply[2], reply[3])
end

-- assert.reply(reply, code, message): what the others look at.
-- @class luassert.internal
-- @field reply fun(reply: table?, code?: string, message?: string): luassert.internal
-- @field status fun(code: csi.code|"OK", pattern?: string)
-- @field fields fun(expected: table)
-- @field called fun(method: csi.method, driver?: luacsi.driver|luacsi.script): luacsi.called
-- @field not_called fun(method: csi.method, driver?: luacsi.driver|luacsi.script)
assert:register("modifier", "reply", function(state, arguments)
  state.luacsi_reply = { arguments[1], arguments[2], arguments[3] }
end)

-- Puts the arguments of a message in place.
local function tell(arguments, ...)
  for i = 1, select("#", ...) do
    arguments[i] = (select(i, ...))
  end
  arguments.n = select("#", ...)
  arguments.nofmt = { true, true, true }
end

-- has.status(code [, pattern]): the status, "OK" for a reply; and its message matches the pattern.
assert:register("assertion", "status", function(state, arguments, level)
  local reply, code, pattern = reply_of(state, level), arguments[1], arguments[2]
  if type(code) ~= "string" then
    error("status: expected the name of a gRPC status", level + 1)
  end
  local got = reply[1] ~= nil and "OK" or reply[2]
  local matches = pattern == nil or tostring(reply[3] or ""):find(pattern) ~= nil
  tell(arguments, pattern and ("%s: %s"):format(code, pattern) or code, describe(reply))
  return got == code and matches
end, "assertion.luacsi.status", "assertion.luacsi.not_status")

-- has.fields(table): an OK reply in which these fields are as given; others may be there.
assert:register("assertion", "fields", function(state, arguments, level)
  local reply, expected = reply_of(state, level), arguments[1]
  if type(expected) ~= "table" then
    error("fields: expected a table", level + 1)
  end
  tell(arguments, expected, reply[1] ~= nil and reply[1] or describe(reply))
  arguments.nofmt = {}
  return reply[1] ~= nil and is_part(expected, reply[1])
end, "assertion.luacsi.fields", "assertion.luacsi.not_fields")

-- ---- what was called ----

-- The calls of a driver, newest last, one a line.
local function list_calls(driver)
  local lines, all = {}, driver:calls()
  for i = math.max(1, #all - 9), #all do
    local request = luacsi.json.encode(all[i].request or luacsi.json.null)
    lines[#lines + 1] = ("  %s %s: %s"):format(all[i].method, request, all[i].code)
  end
  return #lines > 0 and table.concat(lines, "\n") or "  nothing"
end

-- What assert.called(method) gives, to say more of the calls that match.
-- @class luacsi.called
-- @field times fun(n: integer): luacsi.called
-- @field at_least fun(n: integer): luacsi.called
-- @field at_most fun(n: integer): luacsi.called
-- @field with fun(request: table): luacsi.called
local function counter(driver, filter)
  local self = {}

  -- Raises unless holds(n); text says what n should be.
  local function expect(text, holds, level)
    local n = driver:count(filter)
    if not holds(n) then
      local request = filter.request and " with " .. luacsi.json.encode(filter.request) or ""
      error(("Expected %s%s to be called %s; it was called %d time(s). The last calls were:\n%s")
        :format(filter.method, request, text, n, list_calls(driver)), level + 1)
    end
    return self
  end

  function self.times(n)
    return expect(n .. " time(s)", function(got) return got == n end, 2)
  end

  function self.at_least(n)
    return expect(("at least %d time(s)"):format(n), function(got) return got >= n end, 2)
  end

  function self.at_most(n)
    return expect(("at most %d time(s)"):format(n), function(got) return got <= n end, 2)
  end

  function self.never(level)
    return expect("never", function(got) return got == 0 end, level)
  end

  function self.some(level)
    return expect("at least once", function(got) return got > 0 end, level)
  end

  function self.with(request)
    return counter(driver, { method = filter.method, request = request }).some(3)
  end

  return self
end

local METHODS = {}
for _, method in ipairs(luacsi.methods()) do
  METHODS[method.name] = true
end

local of_spies = namespace.assertion.called -- assert.spy(f).was.called()

-- assert.called(method [, driver]): at least once; what it gives says more: .times(n), .at_least(n),
-- .at_most(n), .with(request). assert.not_called(method [, driver]): never. Raises by itself, since the words
-- of luassert for it are about spies.
assert:register("assertion", "called", function(state, arguments, level)
  level = (level or 1) + 1
  if rawget(state, "payload") then
    return of_spies.callback(state, arguments, level)
  end
  local method, driver = arguments[1], arguments[2] or current.driver
  if not METHODS[method] then
    error(("called: expected the name of a CSI method, got %s"):format(tostring(method)), level)
  elseif not driver then
    error("called: no driver was started or loaded", level)
  end
  local chain = counter(driver, { method = method })
  if state.mod then
    return true, { chain.some(level) }
  end
  chain.never(level)
  return false
end, of_spies.positive_message, of_spies.negative_message)

say:set("assertion.luacsi.status", "Expected the status\n%s\nbut the call ended in\n%s")
say:set("assertion.luacsi.not_status", "Expected another status than\n%s\nand the call ended in\n%s")
say:set("assertion.luacsi.fields", "Expected a reply with\n%s\nbut the call ended in\n%s")
say:set("assertion.luacsi.not_fields", "Expected a reply without\n%s\nbut the call ended in\n%s")

return assert
