-- The prompt of luacsi repl: what a line means, how a value is shown, how a word goes on. The host runs it
-- once in the state of the script; it returns two functions, evaluate and complete.
local host = ...
local csi = require "csi"

local globals = _G

-- ---- what a line sees: the script's global variables, and: ----

local prompt = { csi = csi, call = host.call }

for _, name in ipairs(host.methods) do
  prompt[name] = function(request, metadata)
    return host.call(name, request, metadata)
  end
end

function prompt.print(...)
  local words = {}
  for i = 1, select("#", ...) do
    words[i] = tostring((select(i, ...)))
  end
  host.print(table.concat(words, "\t") .. "\n")
end

local env = setmetatable({}, {
  __index = function(_, name)
    local value = prompt[name]
    if value == nil then
      value = globals[name]
    end
    return value
  end,
})

-- ---- showing values, as Lua would write them ----

local WIDTH, DEPTH = 100, 20

local ESCAPES = { ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ["\\"] = "\\\\", ['"'] = '\\"' }

local function quote(text)
  return '"' .. text:gsub('[%c\\"\x7f]', function(c)
    return ESCAPES[c] or ("\\x%02x"):format(c:byte())
  end) .. '"'
end

local KEYWORDS = {}
local WORDS = "and break do else elseif end false for function goto if in local nil not or repeat return "
  .. "then true until while"
for word in WORDS:gmatch "%a+" do
  KEYWORDS[word] = true
end

local function key_text(key)
  if type(key) == "string" then
    return key:find "^[%a_][%w_]*$" and not KEYWORDS[key] and key or "[" .. quote(key) .. "]"
  end
  return "[" .. tostring(key) .. "]"
end

local function less(a, b)
  if type(a) == type(b) and (type(a) == "string" or type(a) == "number") then
    return a < b
  end
  return type(a) < type(b)
end

-- The keys besides 1 to n; those of a message in the order of its fields.
local function keys_of(value, n)
  local keys, place = {}, {}
  local metatable = getmetatable(value)
  for i, key in ipairs(type(metatable) == "table" and rawget(metatable, "__jsonorder") or {}) do
    place[key] = i
  end
  for key in next, value do
    if not (math.type(key) == "integer" and key >= 1 and key <= n) then
      keys[#keys + 1] = key
    end
  end
  table.sort(keys, function(a, b)
    if place[a] and place[b] then
      return place[a] < place[b]
    end
    return less(a, b)
  end)
  return keys
end

local show

local function show_table(value, indent, depth)
  if depth > DEPTH then
    return "{ ... }"
  end
  local n, parts = rawlen(value), {}
  local inner = indent .. "  "
  for i = 1, n do
    parts[#parts + 1] = show(rawget(value, i), inner, depth + 1)
  end
  for _, key in ipairs(keys_of(value, n)) do
    parts[#parts + 1] = key_text(key) .. " = " .. show(rawget(value, key), inner, depth + 1)
  end
  if #parts == 0 then
    return "{}"
  end
  local line = "{ " .. table.concat(parts, ", ") .. " }"
  if #line + #indent <= WIDTH and not line:find "\n" then
    return line
  end
  return "{\n" .. inner .. table.concat(parts, ",\n" .. inner) .. ",\n" .. indent .. "}"
end

function show(value, indent, depth)
  if type(value) == "string" then
    return quote(value)
  elseif type(value) == "table" and getmetatable(value) ~= "csi.status" then
    return show_table(value, indent, depth)
  end
  return tostring(value)
end

local function show_results(n, ...)
  if n == 0 then
    return
  end
  local parts = {}
  for i = 1, n do
    parts[i] = show((select(i, ...)), "", 1)
  end
  host.print(table.concat(parts, ", ") .. "\n")
end

-- ---- evaluating ----

local function finish(ok, ...)
  if ok then
    show_results(select("#", ...), ...)
  else
    local message = tostring((...)):gsub("^%[luacsi%]/repl%.lua:%d+: ", "")
    host.fail(message)
  end
end

-- Text as a function that shows its value, or says what it failed with; else nil, a message, and whether
-- the text only needs to go on.
local function evaluate(text)
  local chunk = load("return " .. text, "=stdin", "t", env)
  local message
  if not chunk then
    chunk, message = load(text, "=stdin", "t", env)
  end
  if not chunk then
    return nil, message, message:find "<eof>$" ~= nil
  end
  return function()
    finish(pcall(chunk))
  end
end

-- ---- completing ----

-- All keys of the tables that begin so, without asking metamethods.
local function matching(tables, start)
  local seen, names = {}, {}
  for _, from in ipairs(tables) do
    for key in next, from do
      if type(key) == "string" and key:sub(1, #start) == start and not seen[key] then
        seen[key] = true
        names[#names + 1] = key
      end
    end
  end
  table.sort(names)
  return names
end

-- What the last word of the text may become, each with a newline behind.
local function complete(text)
  local word = text:match "[%a_][%w_.]*$" or ""
  local path, start = word:match "^(.-)([^.]*)$"
  local tables = { env, prompt, globals }
  for name in path:gmatch "[^.]+" do
    local value
    for _, from in ipairs(tables) do
      if value == nil then
        value = rawget(from, name)
      end
    end
    if type(value) ~= "table" then
      return ""
    end
    tables = { value }
  end
  local words = {}
  for _, name in ipairs(matching(tables, start)) do
    words[#words + 1] = path .. name .. "\n"
  end
  return table.concat(words)
end

return evaluate, complete
