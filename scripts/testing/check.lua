-- Arguments of the functions that scripts call: refused as the real ones refuse them. Each raises with the
-- place of the call of the function that asks.

local check = {}

local A_YEAR = 366 * 24 * 3600

-- index: of the argument. name: of the function.
function check.misuse(index, name, text, ...)
  error(("bad argument #%d to '%s' (%s)"):format(index, name, text:format(...)), 3)
end

local function misuse(index, name, text, ...)
  error(("bad argument #%d to '%s' (%s)"):format(index, name, text:format(...)), 4)
end

function check.type(index, name, value, expected)
  if type(value) ~= expected then
    misuse(index, name, "%s expected, got %s", expected, type(value))
  end
end

function check.optional(index, name, value, expected)
  if value ~= nil and type(value) ~= expected then
    misuse(index, name, "%s expected, got %s", expected, type(value))
  end
end

function check.seconds(index, name, value, least)
  if type(value) ~= "number" or not (value >= least and value <= A_YEAR) then
    misuse(index, name, "expected seconds, from %s to a year", least + 0.0)
  end
end

-- options: nil or a table with no other keys than those of known (a set). A timeout is looked at, too.
function check.options(index, name, options, known)
  check.optional(index, name, options, "table")
  for key in pairs(options or {}) do
    if not known[key] then
      misuse(index, name, "unknown option %s", tostring(key))
    end
  end
  local timeout = options and options.timeout
  if timeout ~= nil and not (type(timeout) == "number" and timeout > 0 and timeout <= A_YEAR) then
    misuse(index, name, "timeout: expected seconds, more than 0 and at most a year")
  end
end

return check
