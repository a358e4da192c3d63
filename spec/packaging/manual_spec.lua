-- The man pages and the completions, held against what the binary says of itself: each flag of each --help
-- is in them, and nothing else is. The completions are tried in their shells.

local command = require "spec.support.command"
local folder = require "spec.support.folder"
local host = require "spec.support.host"
local process = require "spec.support.process"

local MANUAL = "build/manual/"

local HELP = host.run({ "--help" }).stdout
local COMMANDS = {}
for name in HELP:gmatch("\n  (%l+) +[^\n]+") do
  COMMANDS[#COMMANDS + 1] = name
end
host.teardown()

-- { ["--endpoint"] = true, ... } of `luacsi NAME --help`, the aliases too.
local function flags_of(name)
  local flags = {}
  for line in host.run({ name, "--help" }).stdout:gmatch("\n  (%-[^\n]+)") do
    for flag in line:gsub("%[.*", ""):gmatch("%f[^%s\0]%-+[%w-]+") do
      flags[flag] = true
    end
  end
  return flags
end

local function without_h(flags)
  flags["-h"] = nil
  return flags
end

local function read(name)
  return process.read_file(MANUAL .. name)
end

-- A page as a reader sees it, without the marks of bold and italics, in one long line or as it is.
local function page(name, width)
  return (command.output { "mandoc", "-Tutf8", "-Owidth=" .. (width or 1000), MANUAL .. name }
    :gsub("[%z\1-\127\194-\244][\128-\191]*\8", ""))
end

local function set(text, pattern)
  local found = {}
  for word in text:gmatch(pattern) do
    found[word] = true
  end
  return found
end

after_each(function()
  host.teardown()
  folder.remove_all()
end)

describe("a man page", function()
  it("is there for the program, each command, and scripts", function()
    local expected = { ["luacsi.1"] = true, ["luacsi-script.7"] = true }
    for _, name in ipairs(COMMANDS) do
      expected[("luacsi-%s.1"):format(name)] = true
    end
    local there = {}
    for _, name in ipairs(host.files_in(MANUAL)) do
      if name:find("%.%d$") then
        there[name] = true
      end
    end
    assert.same(expected, there)
  end)

  it("is well formed", function()
    for _, name in ipairs(host.files_in(MANUAL)) do
      if name:find("%.%d$") then
        assert.same({ code = 0, stdout = "", stderr = "" },
          command.run { "mandoc", "-Tlint", "-Wwarning", MANUAL .. name })
      end
    end
  end)

  for _, name in ipairs(COMMANDS) do
    it("has the flags, variables, defaults and exit codes of " .. name, function()
      local help = host.run({ name, "--help" }).stdout
      local text = page("luacsi-" .. name .. ".1")
      local tags = {}
      for line in text:match("\nOPTIONS(\n.-)\nEXIT STATUS\n"):gmatch("\n       (%-[^\n]+)") do
        for flag in line:gmatch("%f[^%s\0]%-+[%w-]+") do
          tags[flag] = true
        end
      end
      assert.same(flags_of(name), tags)
      assert.same(set(help, "%[?(LUACSI_[%u_]+)"), set(text, "(LUACSI_[%u_]+)"))
      assert.same(set(help, "%(default ([^$)]+)%)"), set(text, "The default is (%S+)%."))
      assert.same(set(help:match("\nExit codes: .*"), "[:;]%s+(%d+)"),
        set(text:match("\nEXIT STATUS(\n.-)\nSEE ALSO\n"), "\n       (%d+) "))
    end)
  end

  it("of the program lists the commands", function()
    local section = page("luacsi.1"):match("\nCOMMANDS(\n.-)\nENVIRONMENT\n")
    assert.same(set(HELP, "\n  (%l+) "), set(section, "\n       (%l+)"))
  end)

  it("of scripts has all headings and all code of docs/scripting.md", function()
    local text, markdown = page("luacsi-script.7"), process.read_file("docs/scripting.md")
    for heading in markdown:gmatch("\n## ([^\n]+)") do
      assert.truthy(text:find("\n" .. heading:upper() .. "\n", 1, true), heading)
    end
    local lines = 0
    for code in markdown:gmatch("\n```%l*\n(.-)\n```") do
      for line in code:gmatch("[^\n]*%S") do
        assert.truthy(text:find(line, 1, true), line)
        lines = lines + 1
      end
    end
    assert(lines > 100, lines)
  end)
end)

-- What a shell offers; the last of the words is the one to complete.
local function bash(words)
  local script = [==[
    source "$1"; shift
    compopt() { :; }
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    _luacsi
    printf '%s\n' "${COMPREPLY[@]}"]==]
  return command.output { "bash", "-c", script, "bash", MANUAL .. "luacsi.bash", table.unpack(words) }
end

local function fish(line)
  return command.output({ "fish", "--no-config", "-c", 'source "$argv[1]"; complete -C "$argv[2]"',
    MANUAL .. "luacsi.fish", line }, { env = { HOME = folder.make() } })
end

-- Types keys in an interactive zsh, whose luacsi is a function that tells its arguments.
local function zsh(keys)
  local script = [==[
    zmodload zsh/zpty
    zpty shell zsh -f -i
    zpty -w shell 'fpath=($PWD/'$1' $fpath); autoload -U compinit; compinit -u -D; PS1='
    zpty -w shell 'luacsi() { print -r -- "GOT<$*>" }; bindkey "^I" complete-word; print REA""DY'
    while zpty -r shell line; do [[ $line = *READY* ]] && break; done
    zpty -w shell "$2"
    while zpty -r shell line; do [[ $line = *GOT\<* ]] && break; done
    print -r -- ${${line#*GOT<}%>*}
    zpty -d shell]==]
  return command.output({ "zsh", "-f", "-c", script, "zsh", MANUAL, keys },
    { env = { HOME = folder.make() } })
end

describe("the completion", function()
  it("for bash offers what --help lists", function()
    assert.same(set(HELP, "\n  (%l+) "), set(bash { "luacsi", "" }, "%f[^%s\0](%l+)\n"))
    for _, name in ipairs(COMMANDS) do
      assert.same(without_h(flags_of(name)), set(bash { "luacsi", name, "-" }, "[^\n]+"), name)
    end
  end)

  it("for bash knows values", function()
    assert.equal("strict\n", bash { "luacsi", "serve", "--validate", "s" })
    assert.equal("off\n", bash { "luacsi", "serve", "--validate", "=", "o" })
    assert.equal("text\njson\n", bash { "luacsi", "serve", "--logging-format", "=" })
    assert.equal("examples/hello.lua\n", bash { "luacsi", "check", "examples/hel" })
    assert.equal("README.md\n", bash { "luacsi", "serve", "--state", "READ" })
    assert.equal("\n", bash { "luacsi", "serve", "--nodeid", "READ" })
    assert.equal("GetPluginInfo\n", bash { "luacsi", "call", "GetPluginI" })
  end)

  it("for fish offers what --help lists", function()
    assert.same(set(HELP, "\n  (%l+) "), set(fish("luacsi "), "%f[^%s\0](%l+)\t"))
    for _, name in ipairs(COMMANDS) do
      local offered = fish(("luacsi %s -"):format(name))
      assert.same(without_h(flags_of(name)), set(offered, "%f[^%s\0](%-[^\t\n]+)"), name)
    end
  end)

  it("for fish knows values", function()
    assert.same({ strict = true, warn = true, off = true }, set(fish("luacsi serve --validate "), "(%l+)\t"))
    assert.truthy(fish("luacsi check examples/hel"):find("^examples/hello%.lua"))
    assert.equal("README.md\n", fish("luacsi serve --state READ"))
    assert.equal("GetPluginInfo\n", fish("luacsi call GetPluginI"))
  end)

  it("for zsh offers what --help lists", function()
    for _, name in ipairs(COMMANDS) do
      local case = read("_luacsi"):match(("\n    %s%%)\n(.-)\n        ;;"):format(name))
      assert.same(without_h(flags_of(name)), set(case, "[' *)](%-+[%w-]+)=?%["), name)
    end
  end)

  it("for zsh knows values", function()
    assert.equal("serve --validate=strict\n", zsh("luacsi ser\t--vali\ts\t"))
    assert.equal("check examples/hello.lua\n", zsh("luacsi check examples/hel\t"))
    assert.equal("serve --state=README.md\n", zsh("luacsi serve --state=READ\t"))
    assert.equal("call GetPluginInfo\n", zsh("luacsi call GetPluginI\t"))
  end)
end)

describe("--help=json", function()
  it("is one line of JSON, with the flags of --help", function()
    local luacsi = require "luacsi"
    for _, name in ipairs(COMMANDS) do
      local result = host.run { name, "--help=json" }
      local names = {}
      for _, flag in ipairs(assert(luacsi.json.decode(result.stdout)).flags) do
        for _, flag_name in ipairs(flag.names) do
          names[(#flag_name > 1 and "--" or "-") .. flag_name] = true
        end
      end
      names["--help"] = true
      assert.same(without_h(flags_of(name)), names)
      assert.same({ 0, "" }, { result.code, result.stderr })
    end
  end)

  it("is the only other form", function()
    local line = 'luacsi probe: --help: expected no value or json, got "xml"\n'
    assert.same({ code = 2, stdout = "", stderr = line }, host.run { "probe", "--help=xml" })
  end)
end)
