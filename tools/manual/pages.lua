-- The man pages. program is what main.lua gathered; each function gives the text of a page.

local markdown = require "markdown"
local roff = require "roff"

local pages = {}

local bold, italic, escape = roff.bold, roff.italic, roff.escape

local function page(program, name, section, about, body)
  local title = (".TH %s %d %s %s"):format(escape(name:upper()), section, program.date,
    roff.quote(escape("luacsi " .. program.version)))
  local head = {
    ".\\\" Made by the build: change what the program says of itself, or docs/scripting.md.",
    title, ".nh", ".SH NAME", escape(name) .. " \\- " .. escape(about),
  }
  return roff.join(table.move(body, 1, #body, #head + 1, head))
end

-- Escapes, and sets the words in italics that stand for what the user gives.
local function mark(text, arguments)
  local words = {}
  for word in arguments:gmatch("%u%u+") do
    words[word] = true
  end
  return (text:gsub("%S+", function(word)
    local before, name, after = word:match("^(%p*)(%u+)(%p*)$")
    return words[name] and escape(before) .. italic(name) .. escape(after) or escape(word)
  end))
end

-- "METHOD [JSON]" with its brackets upright.
local function arguments_of(command)
  return (command.arguments:gsub("%u+", italic))
end

-- "call METHOD [JSON]"
local function synopsis(command)
  return bold(command.name) .. (command.arguments ~= "" and " " .. arguments_of(command) or "")
end

-- "--endpoint ADDRESS, --csi-address ADDRESS"
local function tag(flag)
  local names = {}
  for _, name in ipairs(flag.names) do
    local dashes = #name > 1 and "--" or "-"
    names[#names + 1] = bold(dashes .. name) .. (flag.value and " " .. italic(flag.value) or "")
  end
  return table.concat(names, ", ")
end

local function option(flag)
  local variables = {}
  for _, name in ipairs(flag.variables) do
    variables[#variables + 1] = bold(name)
  end
  local text = escape(flag.help)
  if flag.default then
    text = text .. " The default is " .. bold(flag.default) .. "."
  end
  return roff.entry(tag(flag), text .. " In the environment: " .. table.concat(variables, ", ") .. ".")
end

-- "Exit codes: 0 this; 1 that, and more; 2 wrong usage." as a list.
local function exit_codes(notes)
  local list = {}
  local text = notes:gsub("^Exit codes: ", ""):gsub("%s+", " "):gsub("%.%s*$", "")
  for code, meaning in (text .. "; "):gmatch("(%d+) (.-); %f[%d\0]") do
    list[#list + 1] = roff.entry(bold(code), escape(meaning:sub(1, 1):upper() .. meaning:sub(2) .. "."))
  end
  return list
end

local function references(names)
  local list = {}
  for i, name in ipairs(names) do
    local title, section = name:match("^(.*)%((%d)%)$")
    list[i] = (".BR %s (%s)%s"):format(escape(title), section, i < #names and " ," or "")
  end
  return ".SH SEE ALSO\n" .. table.concat(list, "\n")
end


function pages.command(program, command)
  local body = {
    ".SH SYNOPSIS",
    ".B luacsi " .. escape(command.name),
    roff.fill("[" .. italic("flags") .. "] " .. arguments_of(command)),
    ".SH DESCRIPTION",
    roff.fill(mark(command.about, command.arguments)),
  }
  for _, action in ipairs(command.actions) do
    body[#body + 1] = roff.entry(synopsis(action), escape(action.about .. "."))
  end
  table.move({
    ".SH OPTIONS",
    roff.fill(escape("A flag has one dash or two, and its value behind = or as the next argument. ") ..
      escape("A flag beats its variable in the environment, and that beats the default.")),
  }, 1, 2, #body + 1, body)
  for _, flag in ipairs(command.flags) do
    body[#body + 1] = option(flag)
  end
  body[#body + 1] = roff.entry(bold("--help") .. ", " .. bold("-h"),
    escape("Print the flags; ") .. bold("--help=json") .. escape(" prints them for programs."))
  body[#body + 1] = ".SH EXIT STATUS"
  table.move(exit_codes(command.notes), 1, 10, #body + 1, body)
  body[#body + 1] = references { "luacsi(1)", "luacsi-script(7)" }
  return page(program, "luacsi-" .. command.name, 1, command.summary, body)
end

local EXAMPLES = [[
$ luacsi check driver.lua
$ luacsi serve driver.lua --endpoint unix:///tmp/csi.sock &
$ export CSI_ENDPOINT=unix:///tmp/csi.sock
$ luacsi info
$ luacsi probe
$ luacsi call CreateVolume '{"name": "pvc-1"}']]

function pages.program(program)
  local body = {
    ".SH SYNOPSIS",
    ".B luacsi\n" .. italic("COMMAND") .. " [" .. italic("flags") .. "] [" .. italic("arguments") .. "]",
    ".br\n.B luacsi \\-\\-version",
    ".SH DESCRIPTION",
    roff.fill(escape(program.about)),
    roff.paragraph(escape("What a script looks like is told in ") .. bold("luacsi-script") .. "(7)."),
    ".SH COMMANDS",
  }
  local see = {}
  for i, command in ipairs(program.commands) do
    body[#body + 1] = roff.entry(synopsis(command), escape(command.summary))
    see[i] = ("luacsi-%s(1)"):format(command.name)
  end
  see[#see + 1] = "luacsi-script(7)"
  table.move({
    ".SH ENVIRONMENT",
    roff.fill("Each flag " .. bold("--some-name") .. " has a variable " .. bold("LUACSI_SOME_NAME") ..
      ", which counts where the flag is not given. Some have one more; the page of the command names it."),
    ".SH EXIT STATUS",
    roff.fill(escape("Of all commands: 2 for wrong usage, with one line on standard error. " ..
      "The page of the command has the others.")),
    ".SH EXAMPLES",
    roff.verbatim(EXAMPLES),
    references(see),
  }, 1, 7, #body + 1, body)
  return page(program, "luacsi", 1, "a CSI driver whose answers are a Lua script", body)
end

function pages.script(program, text)
  local body = markdown(text)
  body[#body + 1] = references { "luacsi(1)", "luacsi-serve(1)", "luacsi-check(1)" }
  return page(program, "luacsi-script", 7, "how scripts answer the calls of CSI", body)
end

return pages
