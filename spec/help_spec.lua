-- --help for programs: the same as the text for people, as JSON. The manual and the completions are made
-- of it.

local host = require "spec.support.host"
local luacsi = require "luacsi"

local function run(...)
  local result = host.run { ... }
  assert.same({ 0, "" }, { result.code, result.stderr })
  return result.stdout
end

local function read(...)
  return assert(luacsi.json.decode(run(...)))
end

-- The names of the flags in the text for people, but for --help: "--endpoint, --csi-address".
local function flags_in(text)
  local list = {}
  for line in text:gmatch("\n  (%-[^\n]*)") do
    for dashes, name in line:gsub(" %[.*", ""):gsub("   .*", ""):gmatch("%f[%-](%-%-?)([%a][%w-]*)") do
      list[#list + 1] = name ~= "help" and not (dashes == "-" and name == "h") and name or nil
    end
  end
  table.sort(list)
  return list
end

describe("--help=json", function()
  after_each(host.teardown)

  local program = read("--help=json")

  it("names the program and its commands", function()
    assert.equal("luacsi", program.name)
    assert.equal(luacsi.version, program.version)
    local text = run("--help")
    for _, command in ipairs(program.commands) do
      assert.matches(("\n  %s +%s"):format(command.name, command.arguments:gsub("%p", "%%%0")), text)
      assert.is_true(#command.about > 0)
    end
  end)

  it("has of each command what the text has", function()
    for _, command in ipairs(program.commands) do
      local help, text = read(command.name, "--help=json"), run(command.name, "--help")
      assert.equal(command.name, help.name)
      assert.matches(("^Usage: luacsi %s [flags]%s%s\n"):format(help.name, help.arguments ~= "" and " " or "",
        help.arguments):gsub("[%[%].]", "%%%0"), text)
      assert.matches(help.about, text, 1, true)
      local names = {}
      for _, flag in ipairs(help.flags) do
        table.move(flag.names, 1, #flag.names, #names + 1, names)
        assert.matches(flag.help, text, 1, true)
        for _, variable in ipairs(flag.variables) do
          assert.matches(variable, text, 1, true)
        end
      end
      table.sort(names)
      assert.same(flags_in(text), names, command.name)
    end
  end)

  it("is the only other form", function()
    local result = host.run { "serve", "--help=xml" }
    assert.same({ 2, "" }, { result.code, result.stdout })
    assert.matches('--help: expected no value or json, got "xml"', result.stderr, 1, true)
  end)
end)
