-- Writes the man pages and the completions, from what the binary says of itself and from
-- docs/scripting.md. Needs luacsi.so on the LUA_CPATH.
-- usage: lua5.4 tools/manual/main.lua LUACSI FOLDER DATE

local here = arg[0]:match("^(.*)/") or "."
package.path = here .. "/?.lua;" .. package.path

local luacsi = require "luacsi"
local pages = require "pages"

local binary, folder, date = table.unpack(arg)

local function read(source)
  local text = source:read("a")
  assert(source:close())
  return text
end

-- The value without the nulls of JSON.
local function present(value)
  if type(value) ~= "table" then
    return value ~= luacsi.json.null and value or nil
  end
  local copy = {}
  for key, inner in pairs(value) do
    copy[key] = present(inner)
  end
  return copy
end

local function describe(command)
  local text = read(assert(io.popen(("'%s' %s --help=json"):format(binary, command))))
  return present(assert(luacsi.json.decode(text)))
end

local function write(name, text)
  local file = assert(io.open(folder .. "/" .. name, "w"))
  assert(file:write(text))
  assert(file:close())
end

local program = describe("")
program.date = date
program.methods = {}
for _, method in ipairs(luacsi.methods()) do
  table.insert(program.methods, method.name)
end
for i, row in ipairs(program.commands) do
  local command = describe(row.name)
  command.summary = row.about
  program.commands[i] = command
end

write("luacsi.1", pages.program(program))
for _, command in ipairs(program.commands) do
  write(("luacsi-%s.1"):format(command.name), pages.command(program, command))
end
write("luacsi-script.7", pages.script(program, read(assert(io.open("docs/scripting.md")))))
write("luacsi.bash", require("bash")(program))
write("_luacsi", require("zsh")(program))
write("luacsi.fish", require("fish")(program))
