-- Puts the last run of the benchmark into the documents: its tables between the two marks of
-- docs/performance.md, its drawings beside it. Run it from the root, behind bench/run.lua.

local BEGIN, END = "<!-- make bench-report writes from here -->", "<!-- to here -->"
local DRAWINGS = { ["build/bench.svg"] = "docs/performance.svg", ["build/scaling.svg"] = "docs/scaling.svg" }

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
write("docs/performance.md", ("%s\n\n%s\n%s"):format(document:sub(1, from), figures, document:sub(to)))
for drawing, copy in pairs(DRAWINGS) do
  write(copy, read(drawing))
end
