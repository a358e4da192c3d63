-- The flags of a command as the completions want them: a row for each name, with flag ("--state"), name
-- ("state"), help (its first sentence), value and choices as the binary says, files (true: the value is a
-- path), repeatable.

local FILES = { ["FILE"] = true, ["DIRECTORY"] = true, ["PATH,..."] = true, ["PROGRAM,..."] = true }

local function first_sentence(text)
  return text:gsub("%s+", " "):match("^(.-)%.? *%f[(]%(default") or text:match("^(.-[^.])%. ")
    or text:match("^(.-)%.?$")
end

return function(command)
  local rows = {}
  for _, flag in ipairs(command.flags) do
    for _, name in ipairs(flag.names) do
      rows[#rows + 1] = {
        name = name,
        flag = (#name > 1 and "--" or "-") .. name,
        help = first_sentence(flag.help),
        value = flag.value,
        choices = flag.choices,
        files = FILES[flag.value] or false,
        repeatable = flag.repeatable,
      }
    end
  end
  return rows
end
