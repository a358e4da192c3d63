-- What a double was asked, and what it shall answer from now on: by its control socket.

local luacsi = require "luacsi"

local control = {}

local PATIENCE = 30 -- seconds for an answer of the control itself

local METHODS = {} -- of CSI, by path
for _, method in ipairs(luacsi.methods()) do
  METHODS[method.path] = method
end

local function ask(driver, method, request, seconds)
  local options = { timeout = PATIENCE + (seconds or 0) }
  local reply, code, message = driver.control:call("luacsi.v1.Control/" .. method, request, options)
  if not reply then
    error(("%s: %s: %s"):format(method, code, message), 3)
  end
  return reply
end

-- A message of a call as a handler would get it, without secrets; nil where it is too large to be kept.
local function message_of(name, json)
  local value = json ~= "" and luacsi.json.decode(json)
  if not value then
    return nil
  end
  for _, field in ipairs(luacsi.fields(name)) do
    if field.secret then
      value[field.name] = nil
    end
  end
  local bytes = luacsi.encode(name, value)
  return bytes and luacsi.decode(name, bytes)
end

local function call_of(kept)
  local method = METHODS[kept.method]
  return {
    time = kept.time, method = method.name, metadata = kept.metadata, place = kept.place,
    code = kept.status, message = kept.message ~= "" and kept.message or nil,
    request = message_of(method.request, kept.request_json),
    reply = message_of(method.response, kept.reply_json),
  }
end

local function filter_of(filter)
  return {
    method = filter.method, status = filter.code,
    request_json = filter.request and luacsi.json.encode(filter.request) or nil,
  }
end

-- driver:calls([filter]) -> list of calls that it has answered, oldest first. filter: { method =, code =,
-- request = }; a request matches when these of its fields are so.
-- @param filter? luacsi.filter
-- @return luacsi.call[]
local function calls(self, filter)
  local list, since = {}, 0
  repeat
    local page = ask(self, "Calls", { filter = filter_of(filter or {}), since = since })
    assert(page.lost == 0 or since > 0, "too many calls: the oldest are no longer kept")
    for _, kept in ipairs(page.calls) do
      list[#list + 1] = call_of(kept)
    end
    since = page.last
  until not page.more
  return list
end

-- driver:count([filter]) -> how many calls match.
-- @param filter? luacsi.filter
-- @return integer
local function count(self, filter)
  local answer = ask(self, "Verify", { filter = filter_of(filter or {}), at_least = 0 })
  assert(answer.lost == 0, "too many calls: the oldest are no longer kept")
  return answer.matched
end

-- driver:wait_for(filter [, n [, seconds]]) -> the calls that match, once there are n (1); nil when there are
-- fewer after so many seconds (10).
-- @param filter luacsi.filter
-- @param n? integer
-- @param seconds? number
-- @return luacsi.call[]?
local function wait_for(self, filter, n, seconds)
  seconds = seconds or 10
  local answer = ask(self, "Calls", {
    filter = filter_of(filter), at_least = n or 1, timeout_ms = math.max(1, math.floor(seconds * 1000)),
  }, seconds)
  if answer.timed_out then
    return nil
  end
  local list = {}
  for i, kept in ipairs(answer.calls) do
    list[i] = call_of(kept)
  end
  return list
end

-- driver:load(text): answers with this script from now on. Raises what is wrong with it; then the one before
-- goes on.
-- @param text string
local function load_text(self, text)
  ask(self, "Load", { script = text, name = "pushed.lua" })
end

-- driver:set(key, value): csi.config.KEY; the script is loaded anew.
-- @param key string
-- @param value string
local function set(self, key, value)
  ask(self, "SetConfig", { key = key, value = value })
end

-- driver:advance(seconds): lets time go by, where start was given clock = "virtual".
-- @param seconds number
local function advance(self, seconds)
  ask(self, "Advance", { milliseconds = math.floor(seconds * 1000 + 0.5) })
end

-- driver:reset(): forgets all calls, csi.store, and what the script's variables hold.
local function reset(self)
  ask(self, "Reset", {})
end

-- Adds them to the methods of a double, which has a client of its control socket in the field control.
function control.add(methods)
  methods.calls, methods.count, methods.wait_for = calls, count, wait_for
  methods.load, methods.set, methods.advance, methods.reset = load_text, set, advance, reset
end

return control
