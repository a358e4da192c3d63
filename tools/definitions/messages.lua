-- Types of the messages of CSI and of the table that a script returns, from the descriptors.

local luacsi = require "luacsi"

local messages = {}

local SCALARS = {
  bool = "boolean", int32 = "integer", int64 = "integer", string = "string", bytes = "string",
}

-- What a field's value is when the message that it belongs to is no table of its own.
local function plain_type(name)
  local fields, form = luacsi.fields(name)
  if form == "timestamp" then
    return "string"
  elseif form == "wrapper" then
    return SCALARS[fields[1].kind]
  end
end

local function enum_type(values)
  local names = {}
  for name in pairs(values) do
    names[#names + 1] = name
  end
  table.sort(names, function(a, b) return values[a] < values[b] end)
  for i, name in ipairs(names) do
    names[i] = ("%q"):format(name)
  end
  return table.concat(names, "|") .. "|integer"
end

local function type_of(field)
  if field.map then
    return "table<string, string>"
  end
  local name = SCALARS[field.kind]
  if field.kind == "enum" then
    name = enum_type(field.enum)
  elseif field.kind == "message" then
    name = plain_type(field.message) or "csi." .. field.message
  end
  if field.repeated then
    return (field.kind == "enum" and "(" .. name .. ")" or name) .. "[]"
  end
  return name
end

-- In a request that a handler gets, scalars, lists and maps are always there.
local function is_there(field)
  return field.repeated or field.map or field.kind ~= "message" and not field.oneof
end

local NUMBERS = { bool = true, int32 = true, int64 = true } -- of which 0 is as good as nothing

-- In a reply, what CSI wants has to be written, so that an editor misses it where it is misspelt.
local function is_wanted(field, text)
  return text and text:find "^REQUIRED" and not NUMBERS[field.kind]
end

-- All message types that can be reached from name, into the set found.
local function reach(name, found)
  local fields, form = luacsi.fields(name)
  if found[name] or form ~= "table" then
    return
  end
  found[name] = true
  for _, field in ipairs(fields) do
    if field.kind == "message" and not field.map then
      reach(field.message, found)
    end
  end
end

local function first_sentence(text)
  return text and (text:match "^(.-%.)%s" or text)
end

local function class(name, in_requests, in_replies, texts)
  local lines = { "---@class (exact) csi." .. name }
  if texts[name] then
    table.insert(lines, 1, "--- " .. first_sentence(texts[name]))
  end
  for _, field in ipairs(luacsi.fields(name)) do
    local text = texts[name .. "." .. field.name]
    local required = not in_replies and is_there(field) or not in_requests and is_wanted(field, text)
    local optional = required and "" or "?"
    local line = ("---@field %s%s %s"):format(field.name, optional, type_of(field))
    lines[#lines + 1] = text and line .. " " .. text or line
  end
  return table.concat(lines, "\n") .. "\n"
end

local function handler_types(method)
  return ("---@alias csi.handler.%s fun(request: csi.%s, context: csi.context): %s, csi.code?, string?\n")
    :format(method.name, method.request, ("csi.%s|csi.prepared|csi.passed|nil"):format(method.response))
end

-- texts: of the proto file.
function messages.write(texts)
  local requests, replies, methods = {}, {}, {}
  for _, method in ipairs(luacsi.methods()) do
    if not method.streaming then
      reach(method.request, requests)
      reach(method.response, replies)
      methods[#methods + 1] = method
    end
  end
  local parts = {}
  for _, name in ipairs(luacsi.messages()) do
    if requests[name] or replies[name] then
      parts[#parts + 1] = class(name, requests[name], replies[name], texts)
    end
  end
  local names = {}
  for _, method in ipairs(methods) do
    names[#names + 1] = ("%q"):format(method.name)
    parts[#parts + 1] = handler_types(method)
  end
  parts[#parts + 1] = ("---@alias csi.method %s\n"):format(table.concat(names, "|"))
  local handlers = { "--- What a script returns.", "---@class (exact) csi.handlers" }
  for _, method in ipairs(methods) do
    local text = texts[method.service:match "[^.]+$" .. "." .. method.name]
    local line = ("---@field %s? csi.handler.%s|csi.%s|csi.prepared|csi.passed"):format(method.name,
      method.name, method.response)
    handlers[#handlers + 1] = text and line .. " " .. text or line
  end
  parts[#parts + 1] = table.concat(handlers, "\n") .. "\n"
  return table.concat(parts, "\n")
end

return messages
