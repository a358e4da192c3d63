-- Messages of every type, from what luacsi.fields tells: random tables that a script could give, what
-- must come back for them, and a second encoder, simple enough to be believed, to hold the codec
-- against.

local luacsi = require "luacsi"
local protobuf = require "spec.support.protobuf"

local messages = {}

local INT32, INT64 = 2 ^ 31 | 0, math.maxinteger

local shapes = {} -- by name: asking is slow

-- fields (a list, as luacsi.fields gives it) and form of a message.
function messages.shape(name)
  if not shapes[name] then
    local fields, form = luacsi.fields(name)
    shapes[name] = { fields = fields, form = form }
  end
  return shapes[name]
end

-- Those of luacsi.methods that do not stream.
function messages.unary_methods()
  local list = {}
  for _, method in ipairs(luacsi.methods()) do
    if not method.streaming then
      list[#list + 1] = method
    end
  end
  return list
end

-- The names of all types that are tables in Lua.
function messages.names()
  local list = {}
  for _, name in ipairs(luacsi.messages()) do
    local form = messages.shape(name).form
    if form == "table" or form == "map_entry" then
      list[#list + 1] = name
    end
  end
  return list
end

-- ---- random tables ----

local function random_timestamp(random)
  local digits = random:pick { 0, 3, 6, 9 }
  local fraction = digits > 0 and ".0" .. ("7"):rep(digits - 1) or ""
  return ("%04d-%02d-%02dT%02d:%02d:%02d%sZ"):format(random:integer(1, 9999), random:integer(1, 12),
    random:integer(1, 28), random:integer(0, 23), random:integer(0, 59), random:integer(0, 59), fraction)
end

local function random_integer(random, most)
  local value = random:pick { 0, 1, -1, most, -most - 1, random:integer(-100000, 100000) }
  local exact = math.abs(value) < 1 << 53
  return exact and random:chance(10) and value + 0.0 or value
end

local function random_enum(random, values)
  local names = {}
  for name in pairs(values) do
    names[#names + 1] = name
  end
  table.sort(names)
  local name = random:pick(names)
  return random:chance(20) and values[name] or name
end

local function random_value(random, field, options)
  if field.kind == "bool" then
    return random:chance(50)
  elseif field.kind == "int32" or field.kind == "int64" then
    return random_integer(random, field.kind == "int32" and INT32 - 1 or INT64)
  elseif field.kind == "enum" then
    return random_enum(random, field.enum)
  elseif field.kind == "string" then
    return random:text(12)
  elseif field.kind == "bytes" then
    return random:bytes(random:integer(0, 12))
  end
  local shape = messages.shape(field.message)
  if shape.form == "timestamp" then
    return random_timestamp(random)
  elseif shape.form == "wrapper" then
    return random_value(random, shape.fields[1], options)
  end
  return messages.random(random, field.message, options)
end

local function random_field(random, field, options)
  local result = {}
  if field.map then
    local key, value = table.unpack(messages.shape(field.message).fields)
    for _ = 1, random:integer(options.dense and 1 or 0, 3) do
      result[random_value(random, key, options)] = random_value(random, value, options)
    end
    return result
  elseif field.repeated then
    for i = 1, random:integer(options.dense and 1 or 0, 3) do
      result[i] = random_value(random, field, options)
    end
    return result
  end
  return random_value(random, field, options)
end

-- A valid table. options.dense: every field is set, one arm of each oneof, and no list is empty.
function messages.random(random, name, options)
  local result = {}
  local fields = messages.shape(name).fields
  local arms = {}
  for _, field in ipairs(fields) do
    if field.oneof then
      arms[field.oneof] = arms[field.oneof] or {}
      table.insert(arms[field.oneof], field.name)
    end
  end
  for oneof, names in ipairs(arms) do
    arms[oneof] = random:pick(names)
  end
  for _, field in ipairs(fields) do
    local possible = not field.oneof or arms[field.oneof] == field.name
    if possible and (options.dense or random:chance(60)) then
      result[field.name] = random_field(random, field, options)
    end
  end
  return result
end

-- ---- what comes back ----

local DEFAULTS = { bool = false, int32 = 0, int64 = 0, string = "", bytes = "" }

local function default(field)
  if field.kind == "enum" then
    for name, number in pairs(field.enum) do
      if number == 0 then
        return name
      end
    end
  end
  return DEFAULTS[field.kind]
end

local function filled_value(field, value)
  if field.kind == "int32" or field.kind == "int64" then
    return math.tointeger(value)
  elseif field.kind == "enum" and type(value) == "number" then
    for name, number in pairs(field.enum) do
      value = number == value and name or value
    end
  elseif field.kind == "message" then
    local shape = messages.shape(field.message)
    if shape.form == "wrapper" then
      return filled_value(shape.fields[1], value)
    end
    return shape.form == "timestamp" and value or messages.filled(field.message, value)
  end
  return value
end

-- The same message as a request would show it: with defaults, enums by name, integers.
function messages.filled(name, source)
  local result = {}
  for _, field in ipairs(messages.shape(name).fields) do
    local value = source[field.name]
    if field.repeated then
      result[field.name] = {}
      local item = field.map and messages.shape(field.message).fields[2] or field
      for key, entry in pairs(value or {}) do
        result[field.name][key] = filled_value(item, entry)
      end
    elseif value ~= nil then
      result[field.name] = filled_value(field, value)
    elseif not field.oneof then
      result[field.name] = default(field)
    end
  end
  return result
end

-- ---- the second encoder ----

-- Days from 1970-01-01, the year counted from March.
local function days(year, month, day)
  if month <= 2 then
    year, month = year - 1, month + 12
  end
  return 365 * year + year // 4 - year // 100 + year // 400 + (153 * (month - 3) + 2) // 5 + day - 719469
end

local function timestamp_bytes(text)
  local year, month, day, hour, minute, second, fraction =
    text:match("^(%d+)-(%d+)-(%d+)T(%d+):(%d+):(%d+)%.?(%d*)Z$")
  local seconds = days(tonumber(year), tonumber(month), tonumber(day)) * 86400
    + tonumber(hour) * 3600 + tonumber(minute) * 60 + tonumber(second)
  local nanos = tonumber(fraction .. ("0"):rep(9 - #fraction))
  return (seconds ~= 0 and protobuf.field(1, seconds) or "")
    .. (nanos ~= 0 and protobuf.field(2, nanos) or "")
end

local function value_bytes(field, value, random)
  if field.kind == "string" or field.kind == "bytes" then
    return protobuf.field(field.number, value)
  elseif field.kind ~= "message" then
    local number = field.kind == "enum" and field.enum[value] or value == true and 1 or value or 0
    return protobuf.field(field.number, number)
  end
  local shape = messages.shape(field.message)
  if shape.form == "timestamp" then
    return protobuf.field(field.number, timestamp_bytes(value))
  elseif shape.form == "wrapper" then
    value = { [shape.fields[1].name] = value }
  end
  return protobuf.field(field.number, messages.bytes(field.message, value, random))
end

local function sorted_keys(map)
  local keys = {}
  for key in pairs(map) do
    keys[#keys + 1] = key
  end
  table.sort(keys)
  return keys
end

local function field_parts(parts, field, value, random)
  if field.map then
    local inner = messages.shape(field.message).fields
    for _, key in ipairs(sorted_keys(value)) do
      local entry = { [inner[1].name] = key, [inner[2].name] = value[key] }
      parts[#parts + 1] = protobuf.field(field.number, messages.bytes(field.message, entry, random))
    end
  elseif field.repeated then
    for _, item in ipairs(value) do
      parts[#parts + 1] = value_bytes(field, item, random)
    end
  elseif field.oneof or value ~= default(field) then
    parts[#parts + 1] = value_bytes(field, value, random)
  end
end

-- Encodes a table that messages.filled made. With random: among the fields are such as nobody knows, in
-- every wire type, which a reader has to step over.
function messages.bytes(name, source, random)
  local parts = {}
  for _, field in ipairs(messages.shape(name).fields) do
    if random and random:chance(30) then
      parts[#parts + 1] = random:pick {
        protobuf.field(500, random:integer()), protobuf.field(501, random:bytes(5)),
        protobuf.varint(502 << 3 | 1) .. random:bytes(8), protobuf.varint(503 << 3 | 5) .. random:bytes(4),
      }
    end
    if source[field.name] ~= nil then
      field_parts(parts, field, source[field.name], random)
    end
  end
  return table.concat(parts)
end

return messages
