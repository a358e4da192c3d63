-- Puts the last run of the benchmark into the documents: its tables between the two marks of
-- docs/performance.md, its drawings and its figures as JSON beside it. Run it from the root, behind
-- bench/run.lua.

local BEGIN, END = "<!-- make bench-report writes from here -->", "<!-- to here -->"
local COPIES = {
  ["build/bench.svg"] = "docs/performance.svg",
  ["build/scaling.svg"] = "docs/scaling.svg",
  ["build/bench.json"] = "docs/performance.json",
}
local SHOWN = [[
![the servers side by side](performance.svg)

![how costs grow](scaling.svg)

All figures: [performance.json](performance.json).
]]

local function read(path)
  local file <close> = assert(io.open(path))
  return assert(file:read("a"))
end

local function write(path, text)
  local file <close> = assert(io.open(path, "w"))
  assert(file:write(text))
end

local document, figures = read "docs/performance.md", read "build/bench.md"
local _, from = assert(document:find(BEGIN, 1, true))
local to = assert(document:find(END, from, true))
local before, behind = document:sub(1, from), document:sub(to)
write("docs/performance.md", ("%s\n\n%s\n%s\n%s"):format(before, figures, SHOWN, behind))
for made, copy in pairs(COPIES) do
  write(copy, read(made))
end
