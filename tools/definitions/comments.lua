-- Reads the comments beside bindings: the one source of what an editor knows of a function.
--
-- A comment that begins with `csi.name(arguments): text` is about a function, one with `csi.name: text` and
-- a line @type about a value. Its lines that begin with @ are annotations of the Lua language server;
-- @class, @field and @alias among them declare types, whatever the comment is about.

local comments = {}

-- The comments of C text, each as a list of lines.
local function of_c(text)
  local list = {}
  for comment in text:gmatch "/%*(.-)%*/" do
    local lines = {}
    for line in (comment .. "\n"):gmatch "([^\n]*)\n" do
      lines[#lines + 1] = line:gsub("^%s*%*? ?", ""):gsub("%s+$", "")
    end
    list[#list + 1] = lines
  end
  return list
end

-- The same of Lua text: lines of comment that follow each other.
local function of_lua(text)
  local list, lines = {}, nil
  for line in (text .. "\n"):gmatch "([^\n]*)\n" do
    local content = line:match "^%s*%-%-+ ?(.*)$"
    if content then
      lines = lines or {}
      lines[#lines + 1] = content
    elseif lines then
      list[#list + 1], lines = lines, nil
    end
  end
  return list
end

local DECLARES = { class = true, field = true, alias = true }

-- A comment as { name =, separator = "." or ":", arguments =, text = list, types = list, notes = list };
-- name is nil when it only declares types.
local function parse(lines)
  local comment = { text = {}, types = {}, notes = {} }
  local head = lines[1] == "" and lines[2] or lines[1] or ""
  comment.name, comment.arguments = head:match "^([%w_.:]+)(%b())"
  if not comment.name then
    comment.name, comment.arguments = head:match "^([%w_.]+)(%b{}):"
  end
  comment.name = comment.name or head:match "^([%w_]+%.[%w_.]+):"
  for _, line in ipairs(lines) do
    local tag = line:match "^@(%a+)"
    if not tag then
      table.insert(comment.text, line)
    elseif DECLARES[tag] then
      table.insert(comment.types, line)
    else
      table.insert(comment.notes, line)
      comment.is_value = comment.is_value or tag == "type"
    end
  end
  if comment.text[#comment.text] == "" then
    table.remove(comment.text)
  end
  return comment
end

-- The comments of a source file that an editor should know of.
function comments.read(path)
  local file = assert(io.open(path))
  local text = file:read "a"
  file:close()
  local list = {}
  for _, lines in ipairs(path:find "%.c$" and of_c(text) or of_lua(text)) do
    local comment = parse(lines)
    if comment.arguments or comment.is_value or #comment.types > 0 then
      list[#list + 1] = comment
    end
  end
  return list
end

-- The names of the arguments in "(path [, { timeout = }])"; a table in it is called options.
function comments.arguments(text)
  if text:find "^{" then
    return { "list" }
  end
  local names = {}
  local inner = text:sub(2, -2):gsub("%b{}", " options "):gsub("[%[%]]", " ")
  for name in inner:gmatch "[^,]+" do
    local word = name:match "^%s*([%a_][%w_]*)%s*$" or name:match "%.%.%." or name:match "…"
    if word then
      names[#names + 1] = word:find "^[%a_]" and word or "..."
    end
  end
  return names
end

return comments
