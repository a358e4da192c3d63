-- The wire format of protobuf, as far as the specs want it by hand: for messages that luacsi does not
-- know, and for such as are none.

local protobuf = {}

local function varint(value)
  local bytes = {}
  while value & ~0x7f ~= 0 do
    bytes[#bytes + 1] = string.char(value & 0x7f | 0x80)
    value = value >> 7
  end
  return table.concat(bytes) .. string.char(value)
end

protobuf.varint = varint

-- A field: an integer as varint, a string as bytes.
function protobuf.field(number, value)
  if math.type(value) == "integer" then
    return varint(number << 3) .. varint(value)
  end
  return varint(number << 3 | 2) .. varint(#value) .. value
end

local function read_varint(bytes, at)
  local value, shift = 0, 0
  repeat
    local byte = assert(bytes:byte(at), "cut off")
    value, shift, at = value | (byte & 0x7f) << shift, shift + 7, at + 1
  until byte < 0x80
  return value, at
end

-- The fields of a message: for each number the list of its values, varints as integers, bytes as
-- strings.
function protobuf.read(bytes)
  local fields, at = setmetatable({}, { __index = function() return {} end }), 1
  while at <= #bytes do
    local tag, value
    tag, at = read_varint(bytes, at)
    value, at = read_varint(bytes, at)
    if tag & 7 == 2 then
      assert(at + value - 1 <= #bytes, "cut off")
      value, at = bytes:sub(at, at + value - 1), at + value
    else
      assert(tag & 7 == 0, "a wire type that the specs do not use")
    end
    local list = rawget(fields, tag >> 3) or {}
    list[#list + 1] = value
    fields[tag >> 3] = list
  end
  return fields
end

return protobuf
