-- HPACK (RFC 7541): all of decoding; of encoding, literals that no table remembers.

local hpack = {}

-- Appendix A, the names and values in their order.
local STATIC = {
  { ":authority", "" }, { ":method", "GET" }, { ":method", "POST" }, { ":path", "/" },
  { ":path", "/index.html" }, { ":scheme", "http" }, { ":scheme", "https" }, { ":status", "200" },
  { ":status", "204" }, { ":status", "206" }, { ":status", "304" }, { ":status", "400" },
  { ":status", "404" }, { ":status", "500" }, { "accept-charset", "" },
  { "accept-encoding", "gzip, deflate" }, { "accept-language", "" }, { "accept-ranges", "" },
  { "accept", "" }, { "access-control-allow-origin", "" }, { "age", "" }, { "allow", "" },
  { "authorization", "" }, { "cache-control", "" }, { "content-disposition", "" },
  { "content-encoding", "" }, { "content-language", "" }, { "content-length", "" },
  { "content-location", "" }, { "content-range", "" }, { "content-type", "" }, { "cookie", "" },
  { "date", "" }, { "etag", "" }, { "expect", "" }, { "expires", "" }, { "from", "" }, { "host", "" },
  { "if-match", "" }, { "if-modified-since", "" }, { "if-none-match", "" }, { "if-range", "" },
  { "if-unmodified-since", "" }, { "last-modified", "" }, { "link", "" }, { "location", "" },
  { "max-forwards", "" }, { "proxy-authenticate", "" }, { "proxy-authorization", "" }, { "range", "" },
  { "referer", "" }, { "refresh", "" }, { "retry-after", "" }, { "server", "" }, { "set-cookie", "" },
  { "strict-transport-security", "" }, { "transfer-encoding", "" }, { "user-agent", "" },
  { "vary", "" }, { "via", "" }, { "www-authenticate", "" },
}

-- Appendix B: the symbols of each code length. The code is canonical, so that the lengths say it all:
-- codes of one length count up with the symbols, and a longer one starts behind the last shorter one.
local EOS = 256
local function symbols(text)
  return { text:byte(1, -1) }
end
local HUFFMAN = {
  [5] = symbols "012aceiost",
  [6] = symbols " %-./3456789=A_bdfghlmnpru",
  [7] = symbols ":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz",
  [8] = symbols "&*,;XZ",
  [10] = symbols "!\"()?",
  [11] = symbols "'+|",
  [12] = symbols "#>",
  [13] = symbols "\0$@[]~",
  [14] = symbols "^}",
  [15] = symbols "<`{",
  [19] = { 92, 195, 208 },
  [20] = { 128, 130, 131, 162, 184, 194, 224, 226 },
  [21] = { 153, 161, 167, 172, 176, 177, 179, 209, 216, 217, 227, 229, 230 },
  [22] = { 129, 132, 133, 134, 136, 146, 154, 156, 160, 163, 164, 169, 170, 173, 178, 181, 185, 186,
    187, 189, 190, 196, 198, 228, 232, 233 },
  [23] = { 1, 135, 137, 138, 139, 140, 141, 143, 147, 149, 150, 151, 152, 155, 157, 158, 165, 166, 168,
    174, 175, 180, 182, 183, 188, 191, 197, 231, 239 },
  [24] = { 9, 142, 144, 145, 148, 159, 171, 206, 215, 225, 236, 237 },
  [25] = { 199, 207, 234, 235 },
  [26] = { 192, 193, 200, 201, 202, 205, 210, 213, 218, 219, 238, 240, 242, 243, 255 },
  [27] = { 203, 204, 211, 212, 214, 221, 222, 223, 241, 244, 245, 246, 247, 248, 250, 251, 252, 253,
    254 },
  [28] = { 2, 3, 4, 5, 6, 7, 8, 11, 12, 14, 15, 16, 17, 18, 19, 20, 21, 23, 24, 25, 26, 27, 28, 29, 30,
    31, 127, 220, 249 },
  [30] = { 10, 13, 22, EOS },
}

-- From length and code to symbol: symbol_of[length][code].
local symbol_of = {}
do
  local code = 0
  for length = 1, 30 do
    code = code << 1
    symbol_of[length] = {}
    for _, symbol in ipairs(HUFFMAN[length] or {}) do
      symbol_of[length][code] = symbol
      code = code + 1
    end
  end
  assert(code == 1 << 30, "the Huffman code is not complete")
end

function hpack.huffman_decode(bytes)
  local out, code, length = {}, 0, 0
  for i = 1, #bytes do
    for bit = 7, 0, -1 do
      code, length = code << 1 | bytes:byte(i) >> bit & 1, length + 1
      local symbol = symbol_of[length][code]
      if symbol then
        assert(symbol ~= EOS, "EOS in a Huffman string")
        out[#out + 1] = string.char(symbol)
        code, length = 0, 0
      end
    end
  end
  assert(length < 8 and code == (1 << length) - 1, "bad padding of a Huffman string")
  return table.concat(out)
end

-- An integer with a prefix of bits (section 5.1): value, next position.
local function integer(block, at, bits)
  local most = (1 << bits) - 1
  local value = block:byte(at) & most
  if value < most then
    return value, at + 1
  end
  local shift = 0
  repeat
    at = at + 1
    value = value + ((block:byte(at) & 127) << shift)
    shift = shift + 7
  until block:byte(at) < 128
  return value, at + 1
end

local function text(block, at)
  local huffman = block:byte(at) >= 128
  local size, start = integer(block, at, 7)
  local bytes = block:sub(start, start + size - 1)
  assert(#bytes == size, "string cut off")
  return huffman and hpack.huffman_decode(bytes) or bytes, start + size
end

-- One direction's decoder; it keeps the dynamic table of a connection.
function hpack.decoder()
  return setmetatable({ dynamic = {}, size = 0, limit = 4096 }, { __index = hpack })
end

local function evict(self)
  while self.size > self.limit do
    local entry = table.remove(self.dynamic)
    self.size = self.size - #entry[1] - #entry[2] - 32
  end
end

local function entry_at(self, index)
  return assert(STATIC[index] or self.dynamic[index - #STATIC], "no such entry")
end

-- A field's name and value, by the first byte's prefix.
local function literal(self, block, at, bits)
  local index, name, value
  index, at = integer(block, at, bits)
  if index == 0 then
    name, at = text(block, at)
  else
    name = entry_at(self, index)[1]
  end
  value, at = text(block, at)
  return { name, value }, at
end

-- The fields of a header block: a list of { name, value }, which also maps each name to its (last) value.
function hpack:decode(block)
  local fields, at = {}, 1
  while at <= #block do
    local byte, field = block:byte(at), nil
    if byte >= 128 then
      local index
      index, at = integer(block, at, 7)
      field = entry_at(self, index)
    elseif byte >= 64 then
      field, at = literal(self, block, at, 6)
      table.insert(self.dynamic, 1, field)
      self.size = self.size + #field[1] + #field[2] + 32
      evict(self)
    elseif byte >= 32 then
      self.limit, at = integer(block, at, 5)
      evict(self)
    else
      field, at = literal(self, block, at, 4)
    end
    if field then
      fields[#fields + 1] = field
      fields[field[1]] = field[2]
    end
  end
  return fields
end

local function plain_text(value)
  local size = #value
  if size < 127 then
    return string.char(size) .. value
  end
  local out = "\x7f"
  size = size - 127
  while size >= 128 do
    out, size = out .. string.char(size & 127 | 128), size >> 7
  end
  return out .. string.char(size) .. value
end

-- A header block of { name, value } pairs, as literals without indexing.
function hpack.encode(fields)
  local out = {}
  for i, field in ipairs(fields) do
    out[i] = "\0" .. plain_text(field[1]) .. plain_text(field[2])
  end
  return table.concat(out)
end

return hpack
