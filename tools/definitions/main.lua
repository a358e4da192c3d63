-- Writes definitions for the Lua language server (LuaLS): the messages of CSI from the descriptors, the
-- functions from the comments beside them. Needs luacsi.so on the LUA_CPATH. usage: lua5.4
-- tools/definitions/main.lua FOLDER SOURCE...

local here = arg[0]:match("^(.*)/") or "."
package.path = here .. "/?.lua;" .. package.path

local comments = require "comments"
local luacsi = require "luacsi"
require "luacsi.testing"
local host = require "luacsi.testing.host"
local messages = require "messages"
local proto = require "proto"

local folder = arg[1]

-- By the first word of a name: the file, and what the functions hang on there.
local HOMES = {
  csi = { file = "csi", owner = "csi" },
  fault = { file = "csi.fault", owner = "fault" },
  json = { file = "csi", owner = "csi.json" },
  run = { file = "csi", owner = "run", class = "csi.run" },
  luacsi = { file = "luacsi", owner = "luacsi" },
  connection = { file = "luacsi", owner = "connection", class = "luacsi.connection" },
  testing = { file = "luacsi.testing", owner = "testing" },
  driver = { file = "luacsi.testing", owner = "driver", class = "luacsi.driver" },
  script = { file = "luacsi.testing", owner = "script", class = "luacsi.script" },
}

local files = {} -- from name to list of texts
local owners = {} -- those that are declared

local function add(file, text)
  files[file] = files[file] or {}
  table.insert(files[file], text)
end

-- Declares csi.store before the first function on it, and the class of run before its first method.
local function declare(home, owner)
  if owners[owner] then
    return
  end
  owners[owner] = true
  if owner:find "%." then
    add(home.file, ("---@class %s\n%s = {}\n"):format(owner, owner))
  else
    add(home.file, ("---@class %s\nlocal %s = {}\n"):format(home.class or home.file, owner))
  end
end

local function annotated(lines)
  local list = {}
  for _, line in ipairs(lines) do
    list[#list + 1] = "---" .. line
  end
  return list
end

local function described(comment)
  local list = {}
  for _, line in ipairs(comment.text) do
    list[#list + 1] = "--- " .. line
  end
  return list
end

-- The names of parameters: those of @param, else those of the head.
local function parameters(comment)
  local names = {}
  for _, note in ipairs(comment.notes) do
    names[#names + 1] = note:match "^@param ([%w_.]+)"
  end
  return #names > 0 and names or comments.arguments(comment.arguments)
end

local function write_member(home, comment)
  local owner, separator, name = comment.name:match "^(.*)([.:])([%w_]+)$"
  local first = comment.name:match "^%w+"
  owner = owner == first and home.owner or owner:gsub("^" .. first, home.owner, 1)
  declare(home, owner)
  local lines = described(comment)
  table.move(annotated(comment.notes), 1, #comment.notes, #lines + 1, lines)
  if comment.is_value then
    lines[#lines + 1] = ("%s.%s = nil"):format(owner, name)
  else
    local names = table.concat(parameters(comment), ", ")
    lines[#lines + 1] = ("function %s%s%s(%s) end"):format(owner, separator, name, names)
  end
  add(home.file, table.concat(lines, "\n") .. "\n")
end

local function take(comment, file)
  local home = comment.name and HOMES[comment.name:match "^%w+"]
  if #comment.types > 0 then
    add(home and home.file or file, table.concat(annotated(comment.types), "\n") .. "\n")
  end
  if home and (comment.arguments or comment.is_value) then
    write_member(home, comment)
  end
end

-- The file of definitions that types of a source go to which are about no function.
local function file_of(source)
  return source:find "testing" and "luacsi.testing" or source:find "client" and "luacsi" or "csi"
end

local function write(name, head, text)
  local file = assert(io.open(("%s/%s.lua"):format(folder, name), "w"))
  assert(file:write("---@meta ", name, "\n-- Generated for luacsi ", luacsi.version, ". ", head,
    "\n-- luacheck: ignore\n\n", text))
  assert(file:close())
end

local function codes()
  local names = {}
  for number = 1, 16 do
    names[number] = ("%q"):format(host.status(number))
  end
  return "---@alias csi.code " .. table.concat(names, "|") .. "\n"
end

declare(HOMES.csi, "csi")
add("csi", codes())
for i = 2, #arg do
  for _, comment in ipairs(comments.read(arg[i])) do
    take(comment, file_of(arg[i]))
  end
end

write("csi.messages", "The messages of CSI, as tables.", messages.write(proto.read "proto/csi.proto"))
for name, parts in pairs(files) do
  local owner = name:match "[^.]+$"
  local text = table.concat(parts, "\n") .. "\nreturn " .. owner .. "\n"
  write(name, ("What `require %q` gives."):format(name), text)
end
