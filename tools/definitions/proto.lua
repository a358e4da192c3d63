-- The comments of a proto file, which its descriptors do not have: from "Message.field" to text.

local proto = {}

-- "Type type = 1;", "map<string, string> a = 2 [(x) = true];", "rpc Probe(...": the name.
local function name_of(line)
  return line:match "^[%w_.<>, ]+%s([%w_]+)%s*=%s*%d+" or line:match "^rpc ([%w_]+)"
end

-- Adds or removes a level: a message, an enum, a service. The fields of a oneof are those of its message.
local function follow(scope, line)
  local kind, name = line:match "^(%l+) ([%w_]+) ?{"
  if kind and not line:find "}" then
    scope[#scope + 1] = kind == "oneof" and "" or name .. "."
  elseif not kind and line:find "^}" then
    scope[#scope] = nil
  end
end

function proto.read(path)
  local texts, scope, waiting = {}, {}, {}
  for line in io.lines(path) do
    local content = line:match "^%s*(.-)%s*$"
    local comment = content:match "^// ?(.*)$"
    if comment then
      waiting[#waiting + 1] = comment
    else
      local name = name_of(content) or content:match "^message ([%w_]+)"
      waiting[#waiting + 1] = content:match ";%s*//%s*(.*)$"
      if name and #waiting > 0 then
        texts[table.concat(scope) .. name] = table.concat(waiting, " ")
      end
      follow(scope, content)
      waiting = {}
    end
  end
  return texts
end

return proto
