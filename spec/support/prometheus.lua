-- Reads the Prometheus text format (version 0.0.4), strictly.

local prometheus = {}

local ESCAPES = { ["\\\\"] = "\\", ['\\"'] = '"', ["\\n"] = "\n" }

local function labels_of(text, line)
  local labels, at = {}, 1
  while at <= #text do
    local name, start = text:match('^([%a_][%w_]*)="()', at)
    assert(name, "no label: " .. line)
    local stop = start
    while text:sub(stop, stop) ~= '"' do
      assert(stop <= #text, "no end of the label: " .. line)
      stop = stop + (text:sub(stop, stop) == "\\" and 2 or 1)
    end
    assert(not labels[name], "a label comes twice: " .. line)
    labels[name] = text:sub(start, stop - 1):gsub("\\.", function(pair)
      return assert(ESCAPES[pair], line)
    end)
    at = stop + 1
    assert(at > #text or text:sub(at, at) == ",", "no comma: " .. line)
    at = at + 1
  end
  return labels
end

-- The family that a sample belongs to: of a histogram, the name without its end.
local function family_of(families, name)
  local base = name:gsub("_bucket$", ""):gsub("_sum$", ""):gsub("_count$", "")
  local family = families[base] and families[base].type == "histogram" and families[base] or families[name]
  return assert(family, "no # TYPE before " .. name)
end

-- Gives name -> { type =, help =, samples = { { name =, labels =, value = } } }.
function prometheus.parse(text)
  local families, last = {}, nil
  assert(text:sub(-1) == "\n", "the last line has no end")
  for line in text:gmatch("([^\n]*)\n") do
    local word, name, rest = line:match("^# (%u+) ([%a_:][%w_:]*) (.+)$")
    if word == "HELP" then
      assert(not families[name], "two families: " .. name)
      families[name] = { help = rest, samples = {} }
    elseif word == "TYPE" then
      assert(families[name] and not families[name].type, "TYPE without HELP: " .. name)
      families[name].type = rest
      last = families[name]
    else
      local sample, labels, value = line:match("^([%a_:][%w_:]*)(%b{}) (%S+)$")
      if not sample then
        sample, value = line:match("^([%a_:][%w_:]*) (%S+)$")
      end
      assert(sample, "no sample: " .. line)
      assert(family_of(families, sample) == last, "stands apart from its family: " .. line)
      table.insert(last.samples, {
        name = sample,
        labels = labels and labels_of(labels:sub(2, -2), line) or {},
        value = assert(value == "+Inf" and math.huge or tonumber(value), line),
      })
    end
  end
  return families
end

local function has(labels, wanted)
  for name, value in pairs(wanted or {}) do
    if labels[name] ~= value then
      return false
    end
  end
  return true
end

-- The samples with this name that have these labels.
function prometheus.samples(families, name, wanted)
  local found = {}
  for _, sample in ipairs(family_of(families, name).samples) do
    found[#found + 1] = sample.name == name and has(sample.labels, wanted) and sample or nil
  end
  return found
end

-- The value of the one sample with this name and these labels; nil: there is none.
function prometheus.value(families, name, wanted)
  local found = prometheus.samples(families, name, wanted)
  assert(#found <= 1, name .. ": more than one sample")
  return found[1] and found[1].value
end

return prometheus
