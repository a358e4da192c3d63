-- What luacsi withstands: runs areas and prints what was done, the bar, the figure and the verdict. Exit
-- status 1 when a figure falls short of its bar. Run it from the root.
-- usage: lua5.4 spec/hostile/main.lua [AREA…]    without an AREA: all of them
--
-- An area is spec/hostile/AREA.lua. It returns { area =, run = function(options) … end }; run gives a list of
-- { what =, bar =, figure =, ok = }, the first three as text (spec/support/verdict.lua makes them). options:
--   long     whether LONG is set: the long form, by hand; the short one is for every commit
--   binary   the path of luacsi; LUACSI names another one

package.path = "./?.lua;" .. package.path
package.cpath = "build/?.so;" .. package.cpath

local folder = require "spec.support.folder"
local host = require "spec.support.host"
local uv = require "luv"

-- Programs in Lua that an area starts find their modules in the same places.
uv.os_setenv("LUA_PATH", package.path)
uv.os_setenv("LUA_CPATH", package.cpath)

local FOLDER = "spec/hostile"

local function seconds_since(start)
  return (uv.hrtime() - start) / 1e9
end

-- The names of all areas, in order.
local function all_areas()
  local names = {}
  local scan = assert(uv.fs_scandir(FOLDER))
  for file in function() return uv.fs_scandir_next(scan) end do
    local name = file:match("^(%w+)%.lua$")
    names[#names + 1] = name ~= "main" and name or nil
  end
  table.sort(names)
  return names
end

-- The rows of an area. What it raises is a row, too: the others still run.
local function run(name, options)
  local ok, result = xpcall(function()
    local area = dofile(("%s/%s.lua"):format(FOLDER, name))
    assert(area.area == name, "the area and its file have one name")
    return area.run(options)
  end, function(reason) return debug.traceback(tostring(reason)) end)
  if ok then
    return result
  end
  io.stderr:write(result, "\n")
  pcall(host.teardown)
  pcall(folder.remove_all)
  return { { what = "the area itself", bar = "comes to its end", figure = "error, see above", ok = false } }
end

local COLUMNS = { "area", "what", "bar", "figure", "verdict" }

local function print_table(rows)
  local widths = {}
  for _, column in ipairs(COLUMNS) do
    widths[column] = #column
    for _, row in ipairs(rows) do
      widths[column] = math.max(widths[column], utf8.len(row[column]))
    end
  end
  local function print_row(row)
    local cells = {}
    for i, column in ipairs(COLUMNS) do
      cells[i] = row[column] .. (" "):rep(widths[column] - utf8.len(row[column]))
    end
    print((table.concat(cells, "  "):gsub(" +$", "")))
  end
  local head = {}
  for _, column in ipairs(COLUMNS) do
    head[column] = column
  end
  print_row(head)
  for _, row in ipairs(rows) do
    print_row(row)
  end
end

local options = { long = os.getenv("LONG") ~= nil, binary = os.getenv("LUACSI") or "build/luacsi" }
local rows, short = {}, 0
for _, name in ipairs(#arg > 0 and arg or all_areas()) do
  local start = uv.hrtime()
  for _, row in ipairs(run(name, options)) do
    row.area, row.verdict = name, row.ok and "holds" or "SHORT"
    rows[#rows + 1] = row
    short = short + (row.ok and 0 or 1)
  end
  io.stderr:write(("  HOSTILE %s (%.0f s)\n"):format(name, seconds_since(start)))
end

print()
print_table(rows)
print(("\n%d bars hold, %d fall short"):format(#rows - short, short))
os.exit(short == 0 and #rows > 0)
