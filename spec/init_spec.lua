-- luacsi init: what it writes is good as it stands, and it never writes over anything.

local command = require "spec.support.command"
local folder = require "spec.support.folder"
local host = require "spec.support.host"
local process = require "spec.support.process"
local uv = require "luv"

local PLAIN = {
  ".github/workflows/test.yml", ".luacheckrc", ".luacsi/csi.fault.lua", ".luacsi/csi.lua",
  ".luacsi/csi.messages.lua", ".luacsi/luacsi.lua", ".luacsi/luacsi.testing.lua", ".luarc.json", "driver.lua",
  "spec/driver_spec.lua",
}
local MANIFESTS = {
  "controller.yaml", "csidriver.yaml", "kustomization.yaml", "namespace.yaml", "node.yaml", "rbac.yaml",
  "storageclass.yaml",
}

local function find(dir)
  local list = {}
  for name in command.output({ "find", dir, "-type", "f", "-printf", "%P\n" }):gmatch "[^\n]+" do
    list[#list + 1] = name
  end
  table.sort(list)
  return list
end

local function sorted(...)
  local list = {}
  for _, part in ipairs { ... } do
    table.move(part, 1, #part, #list + 1, list)
  end
  table.sort(list)
  return list
end

describe("luacsi init", function()
  after_each(host.teardown)
  after_each(folder.remove_all)

  it("writes a folder that is good as it stands", function()
    local dir = folder.make() .. "/new/driver"
    local result = host.run { "init", dir }
    assert.same({ 0, "" }, { result.code, result.stderr })
    assert.same(PLAIN, find(dir))
    local n = 0
    for path in result.stdout:gmatch "[^\n]+" do
      assert.truthy(uv.fs_stat(path), path)
      n = n + 1
    end
    assert.equal(#PLAIN, n)
    assert.same({ code = 0, stdout = "driver.lua: ok\n", stderr = "" },
      host.run({ "check", "driver.lua" }, { cwd = dir }))
    assert.equal(0, command.run({ "luacheck", "." }, { cwd = dir }).code)
    local test = host.run({ "test" }, { cwd = dir })
    assert.equal(0, test.code, test.stdout)
    assert.matches("3 successes / 0 failures / 0 errors", test.stdout)
  end)

  it("writes into the working directory unless it is told a folder", function()
    local dir = folder.make()
    assert.equal(0, host.run({ "init" }, { cwd = dir }).code)
    assert.same(PLAIN, find(dir))
  end)

  it("writes manifests that go with the script", function()
    local dir = folder.make()
    assert.equal(0, host.run({ "init", "--kubernetes", dir }).code)
    assert.same(sorted(PLAIN, MANIFESTS), find(dir))
    local named = {}
    for name in process.read_file(dir .. "/kustomization.yaml"):gmatch "%- ([%w.]+%.%a+)" do
      named[name] = true
      assert.truthy(uv.fs_stat(dir .. "/" .. name), name)
    end
    assert.is_true(named["driver.lua"] and named["node.yaml"])
    local name = host.serve({ file = dir .. "/driver.lua" }):connect():call("GetPluginInfo").name
    assert.truthy(process.read_file(dir .. "/csidriver.yaml"):find("name: " .. name, 1, true))
  end)

  it("writes nothing when one of its files is there", function()
    local dir = folder.make { ["driver.lua"] = "mine", ["spec/"] = "" }
    assert(uv.fs_symlink("/none", dir .. "/.luarc.json"))
    local text = "luacsi init: %s/driver.lua is there already\nluacsi init: %s/.luarc.json is there already\n"
      .. "luacsi init: nothing was written\n"
    assert.same({ code = 2, stdout = "", stderr = text:format(dir, dir) }, host.run { "init", dir })
    assert.same({ "driver.lua" }, find(dir))
    assert.equal("mine", process.read_file(dir .. "/driver.lua"))
  end)

  it("writes the definitions anew, and nothing else", function()
    local dir = folder.make { ["driver.lua"] = "mine", [".luacsi/csi.lua"] = "old" }
    assert.equal(0, host.run({ "init", "--definitions", dir }).code)
    assert.equal("mine", process.read_file(dir .. "/driver.lua"))
    assert.matches("^%-%-%-@meta csi\n", process.read_file(dir .. "/.luacsi/csi.lua"))
    assert.equal(6, #find(dir))
  end)

  it("says what it cannot write, and what it does not understand", function()
    local file = folder.make { ["file"] = "" } .. "/file"
    local result = host.run { "init", file }
    assert.same({ 1, ("luacsi init: %s/driver.lua: Not a directory\n"):format(file) },
      { result.code, result.stderr })
    for message, arguments in pairs {
      ['unexpected argument "b"'] = { "init", "a", "b" },
      ["unknown flag --kubernets (did you mean --kubernetes?)"] = { "init", "--kubernets" },
      ["expected --definitions or --kubernetes, got both"] = { "init", "--definitions", "--kubernetes" },
    } do
      assert.same({ code = 2, stdout = "", stderr = "luacsi init: " .. message .. "\n" }, host.run(arguments))
    end
  end)
end)

describe("luacsi test", function()
  after_each(host.teardown)
  after_each(folder.remove_all)

  local FAIL = 'describe("x", function() it("fails", function() assert.equal(1, 2) end) end)'

  it("runs the specs of a folder, from within, and those of files, from here", function()
    local dir = folder.make {
      ["spec/a_spec.lua"] = 'it("reads", function() assert(io.open "beside"):close() end)', ["beside"] = "",
      ["plain/b_spec.lua"] = 'it("b", function() end)', ["plain/c_spec.lua"] = 'it("c", function() end)',
    }
    assert.matches("1 success /", host.run({ "test", dir }).stdout)
    assert.matches("2 successes /", host.run({ "test", dir .. "/plain" }).stdout)
    local files = host.run({ "test", "spec/a_spec.lua", "plain/b_spec.lua" }, { cwd = dir })
    assert.matches("2 successes /", files.stdout)
    assert.equal(0, files.code)
  end)

  it("gives specs luacsi.testing and this very program, whatever the environment", function()
    local dir = folder.make { ["spec/a_spec.lua"] = [[
      local testing = require "luacsi.testing"
      it("serves", function()
        finally(testing.teardown)
        local driver = testing.start { text = "return {}" }
        local exe = io.open("/proc/" .. driver.child:pid() .. "/cmdline"):read "a"
        assert.truthy(exe:find(os.getenv "LUACSI", 1, true))
      end)
    ]] }
    for _, path in ipairs { false, "/none/?.so;;", os.getenv "LUA_CPATH" } do
      local result = host.run({ "test", dir }, { env = { LUA_CPATH = path } })
      assert.equal(0, result.code, result.stdout .. result.stderr)
    end
  end)

  it("ends as busted does, and hands flags on", function()
    local dir = folder.make { ["spec/a_spec.lua"] = FAIL }
    local result = host.run { "test", dir }
    assert.equal(1, result.code)
    assert.matches("1 failure", result.stdout)
    result = host.run { "test", dir, "--", "--output=TAP" }
    assert.matches("not ok 1 %- x fails", result.stdout)
  end)

  it("says how to get busted where it is not", function()
    local dir = folder.make()
    local missing = "luacsi test: busted is not installed (in Debian: apt install lua-busted)\n"
    local refused = { code = 127, stdout = "", stderr = missing }
    assert.same(refused, host.run({ "test", dir }, { env = { PATH = dir } }))
    assert.same(refused, host.run { "test", "--busted=/none", dir })
  end)

  it("runs a busted that is a shell script as it is", function()
    local dir = folder.make { busted = "#!/bin/sh\necho \"$@\"\nexit 7\n" }
    assert(uv.fs_chmod(dir .. "/busted", 493))
    assert.same({ code = 7, stdout = "a_spec.lua -v\n", stderr = "" },
      host.run({ "test", "--busted", dir .. "/busted", "a_spec.lua", "--", "-v" }, { cwd = dir }))
  end)
end)
