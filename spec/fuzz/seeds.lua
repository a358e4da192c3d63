-- Writes what the fuzz targets begin with: a random message of each type for "message", the same as JSON for
-- "json", the examples for "script". The first two bytes of the former choose the type, by its place in
-- luacsi.messages().
-- usage: lua5.4 spec/fuzz/seeds.lua FOLDER EXAMPLE...

local luacsi = require "luacsi"
local messages = require "spec.support.messages"
local random = require "spec.support.random"

local function write(folder, name, text)
  local file = assert(io.open(("%s/%s/%s"):format(arg[1], folder, name), "wb"))
  assert(file:write(text))
  assert(file:close())
end

assert(os.execute(("mkdir -p %s/message %s/json %s/script"):format(arg[1], arg[1], arg[1])))
local numbers = random.new("seeds")
for index, name in ipairs(luacsi.messages()) do
  local form = messages.shape(name).form
  if form == "table" or form == "map_entry" then
    local prefix = string.pack("<I2", index - 1)
    local value = messages.random(numbers, name, {})
    local bytes = assert(luacsi.encode(name, value))
    write("message", name, prefix .. bytes)
    write("json", name, prefix .. luacsi.json.encode(luacsi.decode(name, bytes)))
  end
end
for i = 2, #arg do
  local file = assert(io.open(arg[i], "rb"))
  write("script", arg[i]:match("[^/]*$"), file:read("a"))
  file:close()
end
