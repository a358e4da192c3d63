-- Rows of `make hostile`: what was done, the bar, the figure, and whether the figure keeps to the bar.

local verdict = {}

local function shown(value, unit)
  local text = math.type(value) == "float" and ("%.3g"):format(value) or tostring(value)
  return unit and text .. " " .. unit or text
end

-- The figure has to be at most the bar.
function verdict.at_most(what, bar, figure, unit)
  return {
    what = what, bar = "at most " .. shown(bar, unit), figure = shown(figure, unit), ok = figure <= bar,
  }
end

-- The figure has to be at least the bar.
function verdict.at_least(what, bar, figure, unit)
  return {
    what = what, bar = "at least " .. shown(bar, unit), figure = shown(figure, unit), ok = figure >= bar,
  }
end

-- The figure has to be the bar.
function verdict.exactly(what, bar, figure, unit)
  return { what = what, bar = shown(bar, unit), figure = shown(figure, unit), ok = figure == bar }
end

return verdict
