-- Draws the figures as SVG: bars for the peers, lines for how a cost grows.

local at = require("bench.lib.stats").at

local chart = {}

local COLORS = {
  floor = "#9aa0a6", constant = "#1a6dd4", prepared = "#4c93e6", handler = "#8bbcf2",
  cpp = "#d9822b", go = "#2a9d8f", tonic = "#b5651d",
}
local INK, FAINT = "#6b7280", "#d1d5db" -- to be read on white and on black

local function escape(text)
  return (text:gsub("[&<>]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }))
end

local function label(x, y, text, anchor, size)
  return ('<text x="%.1f" y="%.1f" text-anchor="%s" font-size="%d" fill="%s">%s</text>'):format(
    x, y, anchor or "start", size or 12, INK, escape(text))
end

local DOCUMENT = [[
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif">
%s
</svg>
]]

local function document(width, height, parts)
  return DOCUMENT:format(width, height, table.concat(parts, "\n"))
end

-- ---- bars ----

local WIDTH, LEFT, BAR, GAP, HEAD = 860, 130, 16, 6, 34

local panels = {
  { "requests/s, 4 connections x 10 streams (more is better)", "%.0f", 1, "rate", "4x10", "GetPluginInfo" },
  { "server CPU per call, µs, 4 x 10 (less is better)", "%.2f", 1e-3, "cpu", "4x10", "GetPluginInfo" },
  { "one call after the other, p99, µs (less is better)", "%.0f", 1e-3, "latency", "p99" },
  { "resident memory after a million calls, MB (less is better)", "%.1f", 1 / 1024, "memory", "after_rss" },
  { "exec to the first answer, ms (less is better)", "%.1f", 1e-6, "first" },
}

local function panel(parts, y, what, present, results)
  local most = 0
  for _, peer in ipairs(present) do
    most = math.max(most, at(results[peer.id], table.unpack(what, 4)) or 0)
  end
  parts[#parts + 1] = label(10, y + 20, what[1], "start", 14)
  y = y + HEAD
  for _, peer in ipairs(present) do
    local value = at(results[peer.id], table.unpack(what, 4))
    if value then
      local length = (WIDTH - LEFT - 90) * value / most
      parts[#parts + 1] = label(LEFT - 8, y + BAR - 4, peer.label, "end")
      parts[#parts + 1] = ('<rect x="%d" y="%d" width="%.1f" height="%d" rx="2" fill="%s"/>'):format(
        LEFT, y, length, BAR, COLORS[peer.id])
      parts[#parts + 1] = label(LEFT + length + 6, y + BAR - 4, what[2]:format(value * what[3]))
    end
    y = y + BAR + GAP
  end
  return y + GAP
end

-- The peers side by side, for GetPluginInfo.
function chart.bars(machine, present, results)
  local parts, y = {}, 0
  for _, what in ipairs(panels) do
    y = panel(parts, y, what, present, results)
  end
  parts[#parts + 1] = label(10, y + 14, machine, "start", 11)
  return document(WIDTH, y + 24, parts)
end

-- ---- lines ----

local PLOT_WIDTH, PLOT_HEIGHT, MARGIN = 400, 240, 50

local function log10(x)
  return math.log(math.max(x, 1), 10)
end

local function bounds(lines)
  local x, y = 1, 1
  for _, line in ipairs(lines) do
    for _, point in ipairs(line.points) do
      x, y = math.max(x, point.x), math.max(y, point.y)
    end
  end
  return x, y * 1.1
end

-- One plot at (left, top): lines of points over a logarithmic x; y begins at 0.
local function plot(parts, left, top, what)
  local most_x, most_y = bounds(what.lines)
  local width, height = PLOT_WIDTH - 2 * MARGIN, PLOT_HEIGHT - 2 * MARGIN
  local x0, y0 = left + MARGIN, top + PLOT_HEIGHT - MARGIN
  local function place(point)
    return x0 + width * log10(point.x) / log10(most_x), y0 - height * point.y / most_y
  end
  parts[#parts + 1] = label(left + 10, top + 20, what.title, "start", 13)
  parts[#parts + 1] = ('<path d="M%d %d V%d H%d" fill="none" stroke="%s"/>'):format(
    x0, y0 - height, y0, x0 + width, FAINT)
  parts[#parts + 1] = label(x0 - 6, y0 - height + 4, ("%.3g"):format(most_y), "end", 11)
  parts[#parts + 1] = label(x0 - 6, y0, "0", "end", 11)
  for power = 0, math.floor(log10(most_x)) do
    local x = place { x = 10 ^ power, y = 0 }
    parts[#parts + 1] = label(x, y0 + 16, ("%d"):format(10 ^ power // 1), "middle", 11)
  end
  for number, line in ipairs(what.lines) do
    local corners = {}
    for i, point in ipairs(line.points) do
      corners[i] = ("%.1f,%.1f"):format(place(point))
    end
    local color = number == 1 and COLORS.constant or COLORS.cpp
    parts[#parts + 1] = ('<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>'):format(
      table.concat(corners, " "), color)
    parts[#parts + 1] = ('<text x="%d" y="%d" font-size="11" fill="%s">%s</text>'):format(
      x0 + 8, y0 - height + 14 * number, color, escape(line.label))
  end
end

-- Plots, two in a row: { title, lines = { { label, points = { { x, y }... } }... } }
function chart.lines(machine, plots)
  local parts = {}
  for i, what in ipairs(plots) do
    plot(parts, (i - 1) % 2 * PLOT_WIDTH, (i - 1) // 2 * PLOT_HEIGHT, what)
  end
  local height = (#plots + 1) // 2 * PLOT_HEIGHT
  parts[#parts + 1] = label(10, height + 14, machine, "start", 11)
  return document(2 * PLOT_WIDTH, height + 24, parts)
end

return chart
