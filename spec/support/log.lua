-- The log of a server as a list of lines, each { severity = "I", "W" or "E", file =, line =, message =,
-- fields = { name = text or integer } }.

local log = {}

local ESCAPES = { n = "\n", r = "\r", t = "\t" }

-- The quoted string that begins at `at`, and where it ends.
local function quoted(text, at)
  local last = at
  repeat
    last = text:find('"', last + 1, true)
  until not last or #text:sub(1, last - 1):match("\\*$") % 2 == 0
  assert(last, "no end of the string: " .. text)
  local inner = text:sub(at + 1, last - 1)
  inner = inner:gsub("\\\\", "\0") -- a log holds no NUL
  inner = inner:gsub("\\x(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)
  inner = inner:gsub("\\(.)", function(letter) return ESCAPES[letter] or letter end)
  inner = inner:gsub("%z", "\\")
  return inner, last
end

local function fields_of(rest)
  local fields, at = {}, 1
  while at <= #rest do
    local key, start = rest:match("^ ([^=]+)=()", at)
    assert(key, "no field: " .. rest:sub(at))
    if rest:sub(start, start) == '"' then
      fields[key], at = quoted(rest, start)
      at = at + 1
    else
      local number, stop = rest:match("^(%-?%d+)()", start)
      fields[key], at = math.tointeger(tonumber(number)), stop
    end
  end
  return fields
end

local function parse_line(text)
  local severity, file, line, start =
    text:match('^([IWE])%d%d%d%d %d%d:%d%d:%d%d%.%d%d%d%d%d%d +%d+ (.-):(%d+)%] ()"')
  if not severity then
    return nil
  end
  local message, stop = quoted(text, start)
  return {
    severity = severity,
    file = file,
    line = math.tointeger(tonumber(line)),
    message = message,
    fields = fields_of(text:sub(stop + 1)),
  }
end

-- Other lines than those of the log (a last word of the command) are left out, and the last one while it is
-- still being written.
function log.parse(text)
  local lines = {}
  for line in text:gmatch("([^\n]+)\n") do
    lines[#lines + 1] = parse_line(line)
  end
  return lines
end

-- The lines whose message or a field matches the pattern.
function log.matching(text, pattern)
  local found = {}
  for _, line in ipairs(log.parse(text)) do
    local hit = line.message:find(pattern)
    for _, value in pairs(line.fields) do
      hit = hit or tostring(value):find(pattern)
    end
    found[#found + 1] = hit and line or nil
  end
  return found
end

return log
