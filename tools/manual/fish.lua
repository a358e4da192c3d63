-- The completion for fish.

local actions_of = require "actions"
local flags_of = require "flags"

local function quote(text)
  return "'" .. text:gsub("[\\']", "\\%0") .. "'"
end

local function complete(...)
  return "complete -c luacsi " .. table.concat({ ... }, " ")
end

-- What to do with the value of a flag.
local function value(flag)
  if #flag.choices > 0 then
    return " -x -a " .. quote(table.concat(flag.choices, " "))
  end
  return not flag.value and "" or flag.files and " -r -F" or " -x"
end

local ARGUMENTS = {
  SCRIPT = "-k -a '(__fish_complete_suffix .lua)'",
  METHOD = "-a %s",
  ACTION = "-F -a %s",
}

local function add_command(out, program, command)
  local seen = "-n '__fish_seen_subcommand_from " .. command.name .. "'"
  for _, flag in ipairs(flags_of(command)) do
    local kind = #flag.name > 1 and "-l" or "-s"
    out[#out + 1] = complete(seen, kind, flag.name .. value(flag), "-d", quote(flag.help))
  end
  out[#out + 1] = complete(seen, "-l help -d 'tell the flags'")
  local rest = ARGUMENTS[command.arguments:match("%u+")]
  local words = #command.actions > 0 and actions_of(command) or program.methods
  out[#out + 1] = rest and complete(seen, rest:format(quote(table.concat(words, " "))))
end

return function(program)
  local out = {
    "# Completion of luacsi for fish. Made by the build.",
    complete("-f"),
    complete("-n __fish_use_subcommand -l help -d 'tell how it is used'"),
    complete("-n __fish_use_subcommand -l version -d 'name the version'"),
  }
  for _, command in ipairs(program.commands) do
    out[#out + 1] = complete("-n __fish_use_subcommand -a", command.name, "-d", quote(command.summary))
  end
  for _, command in ipairs(program.commands) do
    add_command(out, program, command)
  end
  return table.concat(out, "\n") .. "\n"
end
