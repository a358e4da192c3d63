-- Assertions for luassert: assert.reply(driver:call("Probe")).has.status "ABORTED".

local assert = require "luassert"
local say = require "say"

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

local function contains(value, expected)
  if type(expected) ~= "table" or type(value) ~= "table" then
    return value == expected
  end
  for key, item in pairs(expected) do
    if not contains(value[key], item) then
      return false
    end
  end
  return true
end

-- has.fields(table): an OK reply in which these fields are as given; others may be there.
assert:register("assertion", "fields", function(state, arguments, level)
  local reply, expected = reply_of(state, level), arguments[1]
  if type(expected) ~= "table" then
    error("fields: expected a table", level + 1)
  end
  tell(arguments, expected, reply[1] ~= nil and reply[1] or describe(reply))
  arguments.nofmt = {}
  return reply[1] ~= nil and contains(reply[1], expected)
end, "assertion.luacsi.fields", "assertion.luacsi.not_fields")

say:set("assertion.luacsi.status", "Expected the status\n%s\nbut the call ended in\n%s")
say:set("assertion.luacsi.not_status", "Expected another status than\n%s\nand the call ended in\n%s")
say:set("assertion.luacsi.fields", "Expected a reply with\n%s\nbut the call ended in\n%s")
say:set("assertion.luacsi.not_fields", "Expected a reply without\n%s\nbut the call ended in\n%s")

return assert
