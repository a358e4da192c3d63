-- docs/recipes.md and its scripts: each has a spec that passes, and stands in the document as it is.

local command = require "spec.support.command"
local folder = require "spec.support.folder"
local host = require "spec.support.host"
local process = require "spec.support.process"

local HERE = "examples/recipes"

local recipes = {}
for _, name in ipairs(host.files_in(HERE)) do
  recipes[#recipes + 1] = name:match "^(.*)%.lua$"
end

describe("the recipes", function()
  after_each(host.teardown)
  after_each(folder.remove_all)

  it("are twenty at least, with a spec each", function()
    assert.is_true(#recipes >= 20)
    local specs = {}
    for _, name in ipairs(host.files_in(HERE .. "/spec")) do
      specs[#specs + 1] = name:match "^(.*)_spec%.lua$"
    end
    assert.same(recipes, specs)
  end)

  it("do what their specs say", function()
    local result = host.run({ "test", HERE }, { limit = 120 })
    assert.equal(0, result.code, result.stdout .. result.stderr)
    assert.truthy(tonumber(result.stdout:match "(%d+) successes") >= #recipes)
  end)

  it("are good scripts", function()
    local arguments = { "check", "--allow-all" }
    for _, name in ipairs(recipes) do
      arguments[#arguments + 1] = ("%s/%s.lua"):format(HERE, name)
    end
    local result = host.run(arguments)
    assert.equal(0, result.code, result.stdout)
  end)

  it("stand in the document as they are", function()
    local text = command.output { "lua5.4", "tools/recipes.lua" }
    assert.equal(text, process.read_file "docs/recipes.md")
    for _, name in ipairs(recipes) do
      assert.truthy(text:find(("[%s.lua]"):format(name), 1, true), name)
    end
  end)
end)
