-- Seeded random numbers. LUACSI_SEED repeats a run that failed.

local random = {}
local Random = { __index = {} }

random.seed = math.tointeger(tonumber(os.getenv("LUACSI_SEED"))) or os.time()

-- One generator for each property, told apart by name: what one draws does not change the other.
function random.new(name)
  local state = random.seed
  for byte in name:gmatch(".") do
    state = (state ~ byte:byte()) * 0x100000001b3
  end
  return setmetatable({ state = state ~= 0 and state or 1 }, Random)
end

-- 64 random bits, or an integer from low to high.
function Random.__index:integer(low, high)
  local bits = self.state -- xorshift64
  bits = bits ~ (bits << 13)
  bits = bits ~ (bits >> 7)
  bits = bits ~ (bits << 17)
  self.state = bits
  return low and low + (bits >> 1) % (high - low + 1) or bits
end

function Random.__index:chance(percent)
  return self:integer(1, 100) <= percent
end

function Random.__index:pick(list)
  return list[self:integer(1, #list)]
end

function Random.__index:shuffle(list)
  for i = #list, 2, -1 do
    local j = self:integer(1, i)
    list[i], list[j] = list[j], list[i]
  end
end

function Random.__index:bytes(n)
  local list = {}
  for i = 1, n do
    list[i] = string.char(self:integer(0, 255))
  end
  return table.concat(list)
end

local LETTERS = { { 0x01, 0x7f }, { 0x20, 0x7e }, { 0x80, 0x7ff }, { 0x800, 0xd7ff }, { 0x10000, 0x10ffff } }

-- UTF-8 without NUL: up to n letters of one to four bytes.
function Random.__index:text(n)
  local list = {}
  for i = 1, self:integer(0, n) do
    local range = self:pick(LETTERS)
    list[i] = utf8.char(self:integer(range[1], range[2]))
  end
  return table.concat(list)
end

return random
