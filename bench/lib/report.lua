-- The figures as tables of text (which are Markdown too) and as JSON.

local at = require("bench.lib.stats").at
local targets = require "bench.lib.targets"

local report = {}

-- Rows of cells as a Markdown table whose columns are aligned: the first to the left, the others to the
-- right. The first row is its head.
local function grid(rows)
  local widths = {}
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do
      widths[i] = math.max(widths[i] or 3, utf8.len(cell))
    end
  end
  local lines = {}
  for number, row in ipairs(rows) do
    local cells, rule = {}, {}
    for i, cell in ipairs(row) do
      local pad = (" "):rep(widths[i] - utf8.len(cell))
      cells[i] = i == 1 and cell .. pad or pad .. cell
      rule[i] = i == 1 and ("-"):rep(widths[i]) or ("-"):rep(widths[i] - 1) .. ":"
    end
    lines[#lines + 1] = "| " .. table.concat(cells, " | ") .. " |"
    if number == 1 then
      lines[#lines + 1] = "| " .. table.concat(rule, " | ") .. " |"
    end
  end
  return table.concat(lines, "\n") .. "\n"
end

local function show(format, value, scale)
  return value and format:format(value * (scale or 1)) or "-"
end

-- A table of the peers: columns are { head, format, scale, path... }. Empty columns are left out.
local function of_peers(present, results, columns)
  local rows = { { "" } }
  for _, peer in ipairs(present) do
    rows[#rows + 1] = { peer.label }
  end
  for _, column in ipairs(columns) do
    local cells, any = {}, false
    for i, peer in ipairs(present) do
      local value = at(results[peer.id], table.unpack(column, 4))
      cells[i] = show(column[2], value, column[3])
      any = any or value ~= nil
    end
    if any then
      rows[1][#rows[1] + 1] = column[1]
      for i, cell in ipairs(cells) do
        table.insert(rows[i + 1], cell)
      end
    end
  end
  return #rows[1] > 1 and grid(rows) or nil
end

local function columns_of_load(method)
  local columns = {}
  for _, shape in ipairs(targets.shapes) do
    columns[#columns + 1] = { shape.name .. " req/s", "%.0f", 1, "rate", shape.name, method }
  end
  for _, shape in ipairs(targets.shapes) do
    columns[#columns + 1] = { shape.name .. " µs", "%.2f", 1e-3, "cpu", shape.name, method }
  end
  columns[#columns + 1] = { "instructions", "%.0f", 1, "instructions", method }
  return columns
end

local columns_of_rest = {
  { "p50 µs", "%.1f", 1e-3, "latency", "p50" },
  { "p99 µs", "%.1f", 1e-3, "latency", "p99" },
  { "p99.9 µs", "%.1f", 1e-3, "latency", "p999" },
  { "idle RSS MB", "%.2f", 1 / 1024, "memory", "idle_rss" },
  { "PSS", "%.2f", 1 / 1024, "memory", "idle_pss" },
  { "after RSS MB", "%.2f", 1 / 1024, "memory", "after_rss" },
  { "PSS", "%.2f", 1 / 1024, "memory", "after_pss" },
  { "first ms", "%.2f", 1e-6, "first" },
  { "binary MB", "%.2f", 1 / 1024 / 1024, "size" },
}

-- All figures; methods in order.
function report.figures(present, results, methods)
  local parts = {}
  local function add(title, text)
    if text then
      parts[#parts + 1] = title .. "\n\n" .. text
    end
  end
  for _, method in ipairs(methods) do
    add(method .. ": requests/s, server CPU and instructions per call",
      of_peers(present, results, columns_of_load(method)))
  end
  add("One call after the other; memory; start; size", of_peers(present, results, columns_of_rest))
  return table.concat(parts, "\n")
end

-- The load with something besides (burdens.measure).
function report.burdens(list, results)
  local rows = { { "besides", "req/s", "µs", "instructions" } }
  for _, burden in ipairs(list) do
    local result = results[burden.id]
    rows[#rows + 1] = { burden.label, show("%.0f", result.rate), show("%.2f", result.cpu, 1e-3),
      show("%.0f", result.instructions) }
  end
  return "A Lua handler at 4x10, beside other work: requests/s, server CPU per call\n\n" .. grid(rows)
end

-- What scaling.preemption found.
function report.preemption(results)
  local rows = { { "handlers that compute", "p50 ms", "p99 ms", "p99.9 ms" } }
  for i, result in ipairs(results) do
    rows[i + 1] = { tostring(result.computing) }
    for _, quantile in ipairs { "p50", "p99", "p999" } do
      table.insert(rows[i + 1], ("%.3f"):format(result.latency[quantile] / 1e6))
    end
  end
  return "Other calls beside handlers that compute without end: latency\n\n" .. grid(rows)
end

-- What scaling.plots found.
function report.plots(all)
  local parts = {}
  for _, plot in ipairs(all) do
    for _, curve in ipairs(plot.lines) do
      local rows = { { curve.label }, { plot.title } }
      for i, point in ipairs(curve.points) do
        rows[1][i + 1], rows[2][i + 1] = ("%d"):format(point.x), ("%.0f"):format(point.y)
      end
      parts[#parts + 1] = grid(rows)
    end
  end
  return table.concat(parts, "\n")
end

function report.targets(list)
  local rows = { { "target", "bar", "figure", "" } }
  for _, target in ipairs(list) do
    rows[#rows + 1] = {
      target.what,
      (target.at_least and "≥ %.2f" or "≤ %.2f"):format(target.bar),
      ("%.3f"):format(target.figure),
      target.holds and "holds" or "MISSED",
    }
  end
  return grid(rows)
end

-- JSON with sorted keys.
function report.json(value, indent)
  indent = indent or ""
  if type(value) ~= "table" then
    return type(value) == "string" and ("%q"):format(value) or tostring(value)
  end
  local inner, items = indent .. "  ", {}
  if #value > 0 then
    for i, item in ipairs(value) do
      items[i] = inner .. report.json(item, inner)
    end
    return "[\n" .. table.concat(items, ",\n") .. "\n" .. indent .. "]"
  end
  for key, item in pairs(value) do
    items[#items + 1] = ('%s"%s": %s'):format(inner, key, report.json(item, inner))
  end
  table.sort(items)
  return "{\n" .. table.concat(items, ",\n") .. "\n" .. indent .. "}"
end

-- When and on what, in a line; the load tells how quiet the machine was.
function report.machine()
  local cpu, kernel, load = "unknown CPU", "Linux", "?"
  for line in io.lines("/proc/cpuinfo") do
    cpu = line:match("^model name%s*:%s*(.*)") or cpu
  end
  for line in io.lines("/proc/sys/kernel/osrelease") do
    kernel = "Linux " .. line
  end
  for line in io.lines("/proc/loadavg") do
    load = line:match("%S+ %S+ (%S+)")
  end
  local when = os.date("!%Y-%m-%d %H:%M UTC")
  return ("%s, %s, %s, load of the last 15 minutes %s"):format(when, cpu, kernel, load)
end

return report
