-- examples/clients: tests in other languages, which know nothing of us. The one in Go needs modules from the
-- network, so `make conformance` runs it. One whose language is not installed is left out, and it says so.

local command = require "spec.support.command"
local folder = require "spec.support.folder"
local uv = require "luv"

local BINARY = assert(uv.fs_realpath(os.getenv("LUACSI") or "build/luacsi"))

local function is_there(program)
  return command.run({ "sh", "-c", "command -v " .. program }).code == 0
end

-- A spec, if there is the program that it needs.
local function it_with(program, name, fn)
  if is_there(program) then
    it(name, fn)
  else
    print(("There is no %s here: not run is: %s."):format(program, name))
  end
end

-- Runs it; gives all that it printed.
local function run(argv)
  local result = command.run(argv, { env = { LUACSI = BINARY }, limit = 120 })
  local text = result.stdout .. result.stderr
  assert.equal(0, result.code, text)
  return text
end

describe("the example of a test in", function()
  after_each(folder.remove_all)

  it_with("python3", "Python passes", function()
    local text = run { "python3", "-B", "-m", "unittest", "discover", "examples/clients/python" }
    assert.matches("Ran 2 tests.*\nOK\n", text)
  end)

  it_with("node", "JavaScript passes", function()
    local text = run { "node", "--test", "--test-reporter=tap", "examples/clients/javascript/" }
    assert.matches("\n# pass 2\n# fail 0\n", text, 1, true)
  end)
end)
