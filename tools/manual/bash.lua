-- The completion for bash. It needs no package besides bash itself.

local actions_of = require "actions"
local flags_of = require "flags"

local HEAD = [==[
# Completion of luacsi for bash. Made by the build.

_luacsi() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} flags= arguments= actions=
    COMPREPLY=()

    # Bash takes --name=value apart at the =.
    if [[ $current = "=" ]]; then
        current=
    elif [[ $previous = "=" ]]; then
        previous=${COMP_WORDS[COMP_CWORD - 2]}
    fi

    if ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W "$commands --help --version" -- "$current")
        return
    fi

    # The value of the flag before.
    case "${COMP_WORDS[1]} $previous" in
]==]

local TAIL = [==[
    esac

    if [[ $current = -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$current")
    elif [[ $arguments = SCRIPT ]]; then
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -X '!*.lua' -- "$current"; compgen -d -- "$current")
    elif [[ $arguments = METHOD ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$methods" -- "$current")
    elif [[ $arguments = ACTION ]]; then
        compopt -o default
        mapfile -t COMPREPLY < <(compgen -W "$actions" -- "$current")
    fi
}

complete -F _luacsi luacsi
]==]

-- A case: what to do for the values of these flags of a command.
local function case(command, flags, ...)
  local patterns = {}
  for i, flag in ipairs(flags) do
    patterns[i] = ('"%s %s"'):format(command.name, flag)
  end
  local lines = table.pack("    " .. table.concat(patterns, " | ") .. ")", ...)
  lines[#lines + 1] = "return"
  lines[#lines + 1] = ";;"
  return table.concat(lines, "\n        ")
end

local function add_values(out, command)
  local files, others = {}, {}
  for _, flag in ipairs(flags_of(command)) do
    if #flag.choices > 0 then
      local choices = table.concat(flag.choices, " ")
      out[#out + 1] = case(command, { flag.flag },
        ('mapfile -t COMPREPLY < <(compgen -W "%s" -- "$current")'):format(choices))
    elseif flag.value then
      table.insert(flag.files and files or others, flag.flag)
    end
  end
  if #files > 0 then
    out[#out + 1] = case(command, files, "compopt -o filenames",
      'mapfile -t COMPREPLY < <(compgen -f -- "$current")')
  end
  if #others > 0 then
    out[#out + 1] = case(command, others)
  end
end

local function words(command)
  local list = {}
  for _, flag in ipairs(flags_of(command)) do
    list[#list + 1] = flag.flag
  end
  list[#list + 1] = "--help"
  return table.concat(list, " ")
end

return function(program)
  local out, names = {}, {}
  for i, command in ipairs(program.commands) do
    names[i] = command.name
    add_values(out, command)
  end
  out[#out + 1] = "    esac\n\n    case ${COMP_WORDS[1]} in"
  for _, command in ipairs(program.commands) do
    out[#out + 1] = ('    %s)\n        flags="%s"\n        arguments=%s\n        actions="%s"\n        ;;')
      :format(command.name, words(command), command.arguments:match("%u+") or "",
        table.concat(actions_of(command), " "))
  end
  local head = HEAD:gsub("%$commands", table.concat(names, " "))
  local tail = TAIL:gsub("%$methods", table.concat(program.methods, " "))
  return head .. table.concat(out, "\n") .. "\n" .. tail
end
