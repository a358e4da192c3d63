-- Are two answers the same? One from `luacsi call --json`, one from `grpcurl -emit-defaults`.
-- usage: lua5.4 tools/same-answer.lua OUR-STDOUT OUR-STDERR THEIR-STDOUT THEIR-STDERR
--
-- grpcurl spells keys in camelCase, writes int64 as strings and shows an absent message as null.

local json = require("luacsi").json

local function read(path)
  local file = assert(io.open(path))
  local text = file:read("a")
  file:close()
  return text
end

-- A value as text in which those differences are gone.
local function canonical(value)
  if type(value) ~= "table" then
    return tostring(value)
  end
  local parts = {}
  for key, item in pairs(value) do
    if item ~= json.null then
      local name = tostring(key):gsub("_", ""):lower()
      parts[#parts + 1] = name .. "=" .. canonical(item)
    end
  end
  table.sort(parts)
  return "{" .. table.concat(parts, ",") .. "}"
end

-- The message of a failed call, or the canonical reply.
local function answer(out, err, pattern)
  local failure = read(err):match(pattern)
  return failure and "error: " .. failure or canonical(assert(json.decode(read(out))))
end

local ours = answer(arg[1], arg[2], "^%u[%u_]+: ([^\n]*)")
local theirs = answer(arg[3], arg[4], "Message: ([^\n]*)")
if ours ~= theirs then
  print("luacsi:  " .. ours)
  print("grpcurl: " .. theirs)
  os.exit(1)
end
