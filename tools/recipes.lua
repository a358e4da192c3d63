-- Writes docs/recipes.md from examples/recipes/: the first line of a script is its title, the comment below
-- it the text, an indented part of that how to run it.
-- usage: lua5.4 tools/recipes.lua >docs/recipes.md

local FOLDER = "examples/recipes/"

local INTRO = [[
# Recipes

Small scripts for what people ask a CSI driver, or a double of one, to do. Each stands in `examples/recipes/`
with its spec in `examples/recipes/spec/`; `luacsi test examples/recipes` runs them. (Made from these files by
`tools/recipes.lua`.)
]]

-- In the order of the document: a heading, then scripts.
local PARTS = {
  { "Ready or not", "shallow-probe", "deep-probe", "starting", "shared-probe", "kernel-module", "api-login",
    "forward" },
  { "Failing on purpose", "fail-twice", "by-parameter", "slow-probe", "hang", "vanish", "drop", "flaky",
    "against-the-rules", "expiry" },
  { "A driver of one's own", "settable", "capabilities", "who-asks", "idempotent", "full", "slow-attach",
    "topology" },
  { "With a real driver", "in-front", "fixture" },
}

local function read(path)
  local file = assert(io.open(path))
  local text = file:read "a"
  file:close()
  return text
end

-- Title, lines of text and code of a script.
local function parse(path)
  local title, rest = read(path):match "^%-%- ([^\n]+)\n%-%-\n(.*)$"
  assert(title, path .. ": expected a title, then an empty comment line")
  local lines = {}
  while rest:find "^%-%-" and not rest:find "^%-%-%-" do
    local line
    line, rest = rest:match "^%-%- ?([^\n]*)\n(.*)$"
    lines[#lines + 1] = line
  end
  return title, lines, rest:gsub("^\n", "")
end

local function anchor(title)
  return title:lower():gsub("[^%w %-]", ""):gsub(" ", "-")
end

local function section(name)
  local title, lines, code = parse(FOLDER .. name .. ".lua")
  local links = "[%s.lua](../%s%s.lua), [its spec](../%sspec/%s_spec.lua)"
  return title, ("### %s\n\n%s\n\n%s\n\n```lua\n%s```\n"):format(title, table.concat(lines, "\n"),
    links:format(name, FOLDER, name, FOLDER, name), code)
end

local contents, sections = {}, {}
for _, part in ipairs(PARTS) do
  contents[#contents + 1] = ("\n%s:\n\n"):format(part[1])
  sections[#sections + 1] = ("## %s\n"):format(part[1])
  for i = 2, #part do
    local title, text = section(part[i])
    contents[#contents + 1] = ("- [%s](#%s)\n"):format(title, anchor(title))
    sections[#sections + 1] = text
  end
end
io.write(INTRO, table.concat(contents), "\n", table.concat(sections, "\n"))
