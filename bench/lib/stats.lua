-- Medians of rounds.

local stats = {}

function stats.median(values)
  local sorted = table.move(values, 1, #values, 1, {})
  table.sort(sorted)
  local middle = #sorted // 2
  return #sorted % 2 == 1 and sorted[middle + 1] or (sorted[middle] + sorted[middle + 1]) / 2
end

-- How far the largest value lies above the smallest, in percent of it.
function stats.spread(values)
  local least, most = math.min(table.unpack(values)), math.max(table.unpack(values))
  return (most - least) / least * 100
end

-- Replaces every list of numbers in the tree by its median.
function stats.settle(tree)
  if type(tree) ~= "table" then
    return tree
  elseif type(tree[1]) == "number" then
    return stats.median(tree)
  end
  local settled = {}
  for key, value in pairs(tree) do
    settled[key] = stats.settle(value)
  end
  return settled
end

-- Appends value to the list at tree[key1][key2]…, which is made where it is missing.
function stats.add(tree, value, ...)
  for _, key in ipairs { ... } do
    tree[key] = tree[key] or {}
    tree = tree[key]
  end
  tree[#tree + 1] = value
end

-- The value at tree[key1][key2]…; nil where there is none.
function stats.at(tree, ...)
  for _, key in ipairs { ... } do
    tree = tree and tree[key]
  end
  return tree
end

-- The power of x that the last step of a curve follows, beyond what the first point costs: 0 is flat (within
-- a tenth of that), 1 is in proportion to x.
function stats.power(points)
  local first, before, last = points[1], points[#points - 1], points[#points]
  local function beyond(point)
    return math.max(point.y - first.y, first.y / 1000)
  end
  if last.y < 1.1 * first.y then
    return 0
  end
  return math.log(beyond(last) / beyond(before)) / math.log((last.x - first.x) / (before.x - first.x))
end

return stats
