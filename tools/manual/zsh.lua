-- The completion for zsh.

local actions_of = require "actions"
local flags_of = require "flags"

local HEAD = [[
#compdef luacsi
# Completion of luacsi for zsh. Made by the build.

_luacsi() {
    local curcontext=$curcontext state line
    local -a commands=(
]]

local MIDDLE = [[
    )
    _arguments -C '(- *)--help[tell how it is used]' '(- *)--version[name the version]' \
        '1: :->command' '*:: :->arguments' && return
    case $state in
    command)
        _describe command commands
        return
        ;;
    esac
    case $line[1] in
]]

local TAIL = [[
    esac
}

_luacsi "$@"
]]

-- In single quotes; the characters of set have a meaning for _arguments and _describe.
local function quote(text, set)
  return (text:gsub("[" .. set .. "\\]", "\\%0"):gsub("'", "'\\''"))
end

local ARGUMENTS = {
  SCRIPT = "'*:script:_files -g \"*.lua\"'",
  METHOD = "'1:method:(%s)' '2:request'",
  ACTION = "'1:action:(%s)' '*:argument:_files'",
}

local function value(flag)
  if #flag.choices > 0 then
    return (":%s:(%s)"):format(flag.value, table.concat(flag.choices, " "))
  end
  return (":%s:%s"):format(quote(flag.value, "%[%]:"), flag.files and "_files" or "")
end

local function spec(flag)
  return ("        '%s%s%s[%s]%s'"):format(flag.repeatable and "*" or "", flag.flag,
    flag.value and "=" or "", quote(flag.help, "%[%]"), flag.value and value(flag) or "")
end

return function(program)
  local names, cases = {}, {}
  for i, command in ipairs(program.commands) do
    names[i] = ("        '%s:%s'"):format(command.name, quote(command.summary, ":"))
    local lines = { ("    %s)\n        _arguments"):format(command.name) }
    for _, flag in ipairs(flags_of(command)) do
      lines[#lines + 1] = spec(flag)
    end
    lines[#lines + 1] = "        '(- *)--help[tell the flags]'"
    local rest = ARGUMENTS[command.arguments:match("%u+")]
    local words = #command.actions > 0 and actions_of(command) or program.methods
    lines[#lines + 1] = rest and "        " .. rest:format(table.concat(words, " "))
    cases[i] = table.concat(lines, " \\\n") .. "\n        ;;"
  end
  return HEAD .. table.concat(names, "\n") .. "\n" .. MIDDLE .. table.concat(cases, "\n") .. "\n" .. TAIL
end
