-- What a test hands over: options, and where the script comes from.

local source = {}

-- Raises unless each option is known and of its type. name: of the function; known: from option to type, as
-- "table" or "function or table".
function source.check_options(name, options, known, level)
  for key, value in pairs(options) do
    if not known[key] then
      error(("%s: unknown option %s"):format(name, tostring(key)), level or 3)
    elseif not known[key]:find("%f[%a]" .. type(value) .. "%f[%A]") then
      error(("%s: %s: expected %s, got %s"):format(name, key, known[key], type(value)), level or 3)
    end
  end
end

local MODES = { strict = true, warn = true, off = true } -- of validate

-- The options of start and load. A string stands for { file = }.
function source.options(name, options, known)
  if type(options) == "string" then
    options = { file = options }
  elseif type(options) ~= "table" then
    error(("%s: expected the path of a script or a table of options, got %s"):format(name, type(options)), 4)
  end
  source.check_options(name, options, known, 5)
  local sources = 0
  for _, key in ipairs { "file", "text", "handlers" } do
    sources = sources + (options[key] ~= nil and 1 or 0)
  end
  if sources ~= 1 then
    error(name .. ": expected one of file, text and handlers", 4)
  elseif options.validate and not MODES[options.validate] then
    error(("%s: validate: expected strict, warn or off, got %s"):format(name, options.validate), 4)
  end
  return options
end

-- The content of a file; else nil and a message.
function source.read(path)
  local file, message = io.open(path, "rb")
  if not file then
    return nil, message
  end
  local text = file:read "a"
  file:close()
  if not text then
    return nil, path .. ": it cannot be read"
  end
  return text
end

function source.write(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  assert(file:close())
end

return source
