-- csi.replay: answers as a driver did. `luacsi record` writes the scripts that use it.
local csi = require "csi"

local MOST_SHOWN = 3 -- differences that an error names
local MOST_BYTES = 60 -- of a value in it
local ANSWER_KEYS = { reply = true, code = true, message = true, times = true, seconds = true }

-- ---- loading; what is wrong is raised as text ----

local function check(condition, place, expected, value)
  if not condition then
    local got = type(value) == "table" and "a table" or tostring(value)
    error(("%s: expected %s, got %s"):format(place, expected, got), 0)
  end
end

-- What fn returns; what it raises gets the place in front.
local function try(place, fn, ...)
  local ok, result = pcall(fn, ...)
  if not ok then
    error(("%s: %s"):format(place, tostring(result)), 0)
  end
  return result
end

local function load_outcome(method, place, answer)
  if answer.code ~= nil then
    local _, status = pcall(csi.fail, answer.code, answer.message)
    check(type(status) == "table", place, "code and message of a status", status)
    return status
  end
  check(answer.message == nil, place .. ".message", "none beside a reply", answer.message)
  check(type(answer.reply) == "table", place .. ".reply", "a table", answer.reply)
  return nil, try(place .. ".reply", csi.reply, method, answer.reply, { validate = "off" })
end

local function load_answer(method, place, answer)
  check(type(answer) == "table", place, "a table", answer)
  for key in pairs(answer) do
    check(ANSWER_KEYS[key], place, "only reply, code, message, times and seconds as keys", key)
  end
  check((answer.reply == nil) ~= (answer.code == nil), place, "one of reply and code", answer)
  local times, seconds = answer.times or 1, answer.seconds or 0
  check(math.type(times) == "integer" and times > 0, place .. ".times", "an integer above 0", times)
  check(type(seconds) == "number" and seconds >= 0, place .. ".seconds", "seconds", seconds)
  local status, reply = load_outcome(method, place, answer)
  return { status = status, reply = reply, times = times, seconds = seconds }
end

-- A request and its answers: request, as a handler gets it; answers; which of these is next, and how
-- often it was given.
local function load_exchange(method, place, recorded)
  check(type(recorded) == "table", place, "a table", recorded)
  check(type(recorded.request) == "table", place .. ".request", "a table", recorded.request)
  check(#recorded > 0, place, "an answer", nil)
  local exchange = { answers = {}, at = 1, given = 0 }
  exchange.request = try(place .. ".request", csi.request, method, recorded.request)
  for key in pairs(recorded) do
    check(key == "request" or math.type(key) == "integer" and key >= 1 and key <= #recorded, place,
      "request and a list of answers", key)
  end
  for i = 1, #recorded do
    exchange.answers[i] = load_answer(method, ("%s[%d]"):format(place, i), recorded[i])
  end
  return exchange
end

-- ---- what differs ----

local function sorted_keys(...)
  local seen, keys = {}, {}
  for _, t in ipairs { ... } do
    for key in pairs(t) do
      if not seen[key] then
        seen[key] = true
        keys[#keys + 1] = key
      end
    end
  end
  table.sort(keys)
  return keys
end

local function join(path, key)
  if math.type(key) == "integer" then
    return ("%s[%d]"):format(path, key)
  elseif key:find("^[%a_][%w_]*$") then
    return path .. "." .. key
  end
  return ("%s[%s]"):format(path, csi.json.encode(key))
end

local function compare(path, recorded, got, differences)
  if type(recorded) == "table" and type(got) == "table" then
    for _, key in ipairs(sorted_keys(recorded, got)) do
      compare(join(path, key), recorded[key], got[key], differences)
    end
  elseif recorded ~= got then
    differences[#differences + 1] = { path = path, recorded = recorded, got = got }
  end
  return differences
end

local function show(value)
  if value == nil then
    return "nothing"
  end
  local text = csi.json.encode(value)
  return #text <= MOST_BYTES and text or text:sub(1, MOST_BYTES):gsub("[\xC2-\xF4][\x80-\xBF]*$", "") .. "…"
end

local function describe(differences)
  local list = {}
  for i = 1, math.min(#differences, MOST_SHOWN) do
    local it = differences[i]
    list[i] = ("%s: recorded %s, got %s"):format(it.path, show(it.recorded), show(it.got))
  end
  if #differences > MOST_SHOWN then
    list[#list + 1] = ("and %d more"):format(#differences - MOST_SHOWN)
  end
  return table.concat(list, "; ")
end

-- Why no exchange is for this request.
local function mismatch(method, exchanges, request)
  local nearest
  for _, exchange in ipairs(exchanges) do
    local differences = compare(method .. "Request", exchange.request, request, {})
    if not nearest or #differences < #nearest then
      nearest = differences
    end
  end
  if not nearest then
    return method .. ": no call of it was recorded"
  end
  return "no such request was recorded; of the nearest one " .. describe(nearest)
end

-- ---- answering ----

local function next_answer(exchange)
  local answer = exchange.answers[exchange.at]
  exchange.given = exchange.given + 1
  if exchange.given == answer.times and exchange.at < #exchange.answers then
    exchange.at, exchange.given = exchange.at + 1, 0
  end
  return answer
end

local function new_handler(method, exchanges)
  local by_request = {}
  for i, exchange in ipairs(exchanges) do
    local key = csi.json.encode(exchange.request)
    check(not by_request[key], ("%s[%d].request"):format(method, i), "one that is not there before", key)
    by_request[key] = exchange
  end
  return function(whole)
    local request = csi.request(method, whole)
    local exchange = by_request[csi.json.encode(request)]
    if not exchange then
      csi.fail("FAILED_PRECONDITION", mismatch(method, exchanges, request))
    end
    local answer = next_answer(exchange)
    if answer.seconds > 0 then
      csi.sleep(answer.seconds)
    end
    if answer.status then
      error(answer.status, 0)
    end
    return answer.reply
  end
end

local function load_method(method, recorded)
  check(type(recorded) == "table", method, "a list of requests with their answers", recorded)
  local exchanges = {}
  for key in pairs(recorded) do
    check(math.type(key) == "integer" and key >= 1 and key <= #recorded, method, "a list", key)
  end
  for i = 1, #recorded do
    exchanges[i] = load_exchange(method, ("%s[%d]"):format(method, i), recorded[i])
  end
  return new_handler(method, exchanges)
end

local function load_all(recorded)
  check(type(recorded) == "table", "the recording", "a table", recorded)
  local handlers = {}
  for method, exchanges in pairs(recorded) do
    -- what is no method is for who loads the script to complain of
    handlers[method] = pcall(csi.request, method, {}) and load_method(method, exchanges) or exchanges
  end
  return handlers
end

-- replay(recorded): a script's table, whose handlers answer as recorded. recorded: from the name of an
-- RPC to a list of { request = {…}, answer, … }, where an answer is { reply = {…} } or { code = "…",
-- message = "…" }, perhaps with times and seconds. Equal requests get the answers in their order, and
-- then the last one again. Secrets are not compared.
return function(recorded)
  local ok, result = pcall(load_all, recorded)
  if not ok then
    error(result, 0)
  end
  return result
end
