-- A script that is saved: taken up whichever way it was saved, only if it is good, and without anybody
-- noticing who is connected.

local folder = require "spec.support.folder"
local host = require "spec.support.host"
local http2 = require "spec.support.http2"
local log = require "spec.support.log"
local process = require "spec.support.process"
local uv = require "luv"
local wait = require "spec.support.wait"

local RELOADED = "^Script reloaded"
local NOT_RELOADED = "^Script not reloaded"
local INFO = "/csi.v1.Identity/GetPluginInfo"

-- A script whose version tells it from others.
local function script(version)
  return ('return { GetPluginInfo = { name = "reload.example.com", vendor_version = %q } }\n'):format(version)
end

-- A script that has its version from the module "version", and that module.
local BY_MODULE = [[
  return { GetPluginInfo = { name = "reload.example.com", vendor_version = require "version" } }
]]

local function module(version)
  return ("return %q\n"):format(version)
end

local save, save_by_rename = process.write_file, process.replace_file

local function version(connection)
  return assert(connection:call("GetPluginInfo")).vendor_version
end

local function wait_version(connection, expected)
  local taken_up = wait.for_(function() return version(connection) == expected end)
  assert.truthy(taken_up, "not taken up: " .. expected)
end

-- Waits until n lines of the log match, and gives them.
local function wait_lines(server, pattern, n)
  local lines
  wait.for_(function()
    lines = log.matching(server:log(), pattern)
    return #lines >= n
  end)
  assert.equal(n, #lines, server:log())
  return lines
end

-- Waits for the line that says why the one before goes on, with this text; gives the line. There may be
-- others: where the machine is slow, the first half of a save is taken for the whole.
local function wait_failure(server, text)
  return wait.for_(function()
    for _, line in ipairs(log.matching(server:log(), NOT_RELOADED)) do
      if line.fields.reason:find(text, 1, true) then
        return line
      end
    end
  end) or error(("not told: %q\n%s"):format(text, server:log()), 2)
end

-- Serves dir/script.lua; gives the server and a connection.
local function serve(dir, flags)
  local server = host.serve { file = dir .. "/script.lua", flags = flags }
  return server, server:connect()
end

-- What Kubernetes makes of a ConfigMap with these files, or changes it to.
local function write_config_map(dir, stamp, files)
  local before = uv.fs_readlink(dir .. "/..data")
  assert(uv.fs_mkdir(dir .. "/" .. stamp, 493))
  for name, text in pairs(files) do
    process.write_file(dir .. "/" .. stamp .. "/" .. name, text)
    uv.fs_symlink("..data/" .. name, dir .. "/" .. name) -- it may be there already
  end
  assert(uv.fs_symlink(stamp, dir .. "/..data_tmp"))
  assert(uv.fs_rename(dir .. "/..data_tmp", dir .. "/..data"))
  if before then
    for _, name in ipairs(host.files_in(dir .. "/" .. before)) do
      assert(uv.fs_unlink(dir .. "/" .. before .. "/" .. name))
    end
    assert(uv.fs_rmdir(dir .. "/" .. before))
  end
end

local function clean_up()
  host.teardown()
  folder.remove_all()
end

describe("a saved script is taken up", function()
  after_each(clean_up)

  local ways = {
    ["written in place"] = save,
    ["renamed over the old one"] = save_by_rename,
    ["deleted and made anew"] = function(path, text)
      assert(uv.fs_unlink(path))
      save(path, text)
    end,
    ["moved to a backup and made anew"] = function(path, text)
      assert(uv.fs_rename(path, path .. "~"))
      save(path, text)
    end,
    ["written in two parts"] = function(path, text)
      local file = assert(uv.fs_open(path, "w", 420))
      assert(uv.fs_write(file, text:sub(1, 20)))
      assert(uv.fs_write(file, text:sub(21)))
      assert(uv.fs_close(file))
    end,
  }
  for name, way in pairs(ways) do
    it("when it is " .. name, function()
      local dir = folder.make { ["script.lua"] = script "1" }
      local server, connection = serve(dir)
      assert.equal("1", version(connection))
      way(dir .. "/script.lua", script "2")
      wait_version(connection, "2")
      way(dir .. "/script.lua", script "3")
      wait_version(connection, "3")
      wait_lines(server, RELOADED, 2)
    end)
  end

  it("when a Kubernetes ConfigMap swaps ..data", function()
    local dir = folder.make()
    write_config_map(dir, "..2026_1", { ["script.lua"] = script "1" })
    local _, connection = serve(dir)
    for i = 2, 4 do
      write_config_map(dir, "..2026_" .. i, { ["script.lua"] = script(tostring(i)) })
      wait_version(connection, tostring(i))
    end
  end)

  it("when a link on the way to it is changed, and in the new place, too", function()
    local dir = folder.make { ["releases/1/script.lua"] = script "1", ["releases/2/script.lua"] = script "2" }
    assert(uv.fs_symlink("releases/1", dir .. "/current"))
    local _, connection = serve(dir .. "/current")
    assert.equal("1", version(connection))
    assert(uv.fs_symlink("releases/2", dir .. "/next"))
    assert(uv.fs_rename(dir .. "/next", dir .. "/current"))
    wait_version(connection, "2")
    save(dir .. "/releases/2/script.lua", script "3")
    wait_version(connection, "3")
  end)

  it("when its folder is removed and made anew", function()
    local dir = folder.make { ["inner/script.lua"] = script "1" }
    local server, connection = serve(dir .. "/inner")
    assert(uv.fs_unlink(dir .. "/inner/script.lua"))
    assert(uv.fs_rmdir(dir .. "/inner"))
    wait_failure(server, "script.lua")
    assert(uv.fs_mkdir(dir .. "/inner", 493))
    save(dir .. "/inner/script.lua", script "2")
    wait_version(connection, "2")
    save(dir .. "/inner/script.lua", script "3")
    wait_version(connection, "3")
  end)

  it("at SIGHUP, even if nothing has changed", function()
    local server, connection = serve(folder.make { ["script.lua"] = script "1" })
    server:signal("sighup")
    wait_lines(server, RELOADED, 1)
    server:signal("sighup")
    wait_lines(server, RELOADED, 2)
    assert.equal("1", version(connection))
  end)

  it("only at SIGHUP with --no-watch", function()
    local dir = folder.make { ["script.lua"] = script "1" }
    local server, connection = serve(dir, { "--no-watch" })
    local _, watching = serve(dir)
    save(dir .. "/script.lua", script "2")
    wait_version(watching, "2")
    assert.equal("1", version(connection))
    server:signal("sighup")
    wait_version(connection, "2")
    wait_lines(server, RELOADED, 1)
  end)
end)

describe("a saved module is taken up", function()
  after_each(clean_up)

  it("when the script requires it", function()
    local dir = folder.make { ["script.lua"] = BY_MODULE, ["version.lua"] = module "1" }
    local _, connection = serve(dir)
    save(dir .. "/version.lua", module "2")
    wait_version(connection, "2")
    save_by_rename(dir .. "/version.lua", module "3")
    wait_version(connection, "3")
  end)

  it("when a module requires it, in a folder below", function()
    local dir = folder.make {
      ["script.lua"] = BY_MODULE,
      ["version.lua"] = 'return require "lib.number"',
      ["lib/number.lua"] = module "1",
    }
    local _, connection = serve(dir)
    save(dir .. "/lib/number.lua", module "2")
    wait_version(connection, "2")
  end)

  it("when only the script that was saved last requires it", function()
    local dir = folder.make { ["script.lua"] = script "1", ["version.lua"] = module "2" }
    local _, connection = serve(dir)
    save(dir .. "/script.lua", BY_MODULE)
    wait_version(connection, "2")
    save(dir .. "/version.lua", module "3")
    wait_version(connection, "3")
  end)

  it("once it is there, when it was missing", function()
    local dir = folder.make { ["script.lua"] = script "1" }
    local server, connection = serve(dir)
    save(dir .. "/script.lua", BY_MODULE)
    wait_failure(server, "module 'version' not found")
    save(dir .. "/version.lua", module "2")
    wait_version(connection, "2")
  end)

  it("with a ConfigMap", function()
    local dir = folder.make()
    write_config_map(dir, "..2026_1", { ["script.lua"] = BY_MODULE, ["version.lua"] = module "1" })
    local _, connection = serve(dir)
    write_config_map(dir, "..2026_2", { ["script.lua"] = BY_MODULE, ["version.lua"] = module "2" })
    wait_version(connection, "2")
  end)
end)

describe("a script that does not load changes nothing", function()
  after_each(clean_up)

  local INFO_LINE = '  GetPluginInfo = { name = "reload.example.com", vendor_version = "2" },\n'
  local broken = {
    ["a syntax error"] = { "return {\n" .. INFO_LINE .. "  Probe = = 1,\n}\n", "script.lua:3:" },
    ["a missing return"] = { "local answers = {\n" .. INFO_LINE .. "}\n", "script.lua" },
    ["half of it"] = { "return {\n" .. INFO_LINE:sub(1, 30), "script.lua:2:" },
    ["nothing in it"] = { "", "script.lua" },
    ["an error when it runs"] = { "local x\nlocal y = x.z\nreturn {}\n", "script.lua:2:" },
    ["an unknown method"] = { "return {\n" .. INFO_LINE .. "  Prob = {},\n}\n", "script.lua" },
    ["a reply that breaks a rule"] = {
      'return {\n  GetPluginInfo = { name = "-no-", vendor_version = "2" },\n}\n', "script.lua:2:",
    },
    ["a loop without end"] = { "while true do end\n", "script.lua" },
  }
  for name, case in pairs(broken) do
    it("with " .. name, function()
      local text, place = table.unpack(case)
      local dir = folder.make { ["script.lua"] = script "1" }
      local server, connection = serve(dir, { "--handler-cpu", "100ms" })
      save(dir .. "/script.lua", text)
      assert.equal("E", wait_failure(server, place).severity)
      assert.equal("1", version(connection))
      save(dir .. "/script.lua", script "3")
      wait_version(connection, "3")
    end)
  end

  it("with an error in a module", function()
    local dir = folder.make { ["script.lua"] = BY_MODULE, ["version.lua"] = module "1" }
    local server, connection = serve(dir)
    save(dir .. "/version.lua", "return = 2\n")
    wait_failure(server, "version.lua:1:")
    assert.equal("1", version(connection))
    save(dir .. "/version.lua", module "3")
    wait_version(connection, "3")
  end)

  it("when it has been deleted", function()
    local dir = folder.make { ["script.lua"] = script "1" }
    local server, connection = serve(dir)
    save(dir .. "/script.lua", script "2")
    wait_version(connection, "2") -- from now on it is watched, and what was there is known
    assert(uv.fs_unlink(dir .. "/script.lua"))
    wait_failure(server, "script.lua")
    assert.equal("2", version(connection))
    save(dir .. "/script.lua", script "3")
    wait_version(connection, "3")
  end)
end)

describe("a reload", function()
  after_each(clean_up)

  it("leaves the listener and open connections alone", function()
    local dir = folder.make { ["script.lua"] = script "1" }
    local server, connection = serve(dir)
    local socket = assert(uv.fs_stat(server.socket))
    local frames = http2.start(server.socket)
    assert.truthy(frames:call(1, INFO, "").messages[1]:find("1", 1, true))
    save(dir .. "/script.lua", script "second")
    wait_version(connection, "second")
    assert.truthy(frames:call(3, INFO, "").messages[1]:find("second", 1, true))
    assert.equal(socket.ino, assert(uv.fs_stat(server.socket)).ino)
    frames:close()
  end)

  it("lets handlers in flight finish on the script that they began with", function()
    local waits = [[
      local csi = require "csi"
      return {
        GetPluginInfo = function()
          csi.log.info("in flight")
          repeat csi.sleep(0.002) until csi.store.get("go")
          return { name = "reload.example.com", vendor_version = "old" }
        end,
      }
    ]]
    local lets_go = [[
      local csi = require "csi"
      return {
        GetPluginInfo = function()
          csi.store.set("go", true)
          return { name = "reload.example.com", vendor_version = "new" }
        end,
      }
    ]]
    local dir = folder.make { ["script.lua"] = waits }
    local server, connection = serve(dir)
    local calls = {}
    for i = 1, 3 do
      calls[i] = host.start { "call", "GetPluginInfo", "--endpoint", server.endpoint }
    end
    wait_lines(server, "^in flight", 3)
    save(dir .. "/script.lua", lets_go)
    wait_lines(server, RELOADED, 1)
    assert.equal("new", version(connection))
    for _, call in ipairs(calls) do
      assert.equal(0, call:wait(), call:stderr())
      assert.matches("old", call:stdout())
    end
  end)

  it("keeps csi.store, and no global or local of the script", function()
    local counts = [[
      local csi = require "csi"
      local calls = 0
      return {
        GetPluginInfo = function()
          calls = calls + 1
          return {
            name = "reload.example.com",
            vendor_version = ("%d %d"):format(calls, csi.store.incr("calls")),
          }
        end,
      }
    ]]
    local server, connection = serve(folder.make { ["script.lua"] = counts })
    assert.equal("1 1", version(connection))
    assert.equal("2 2", version(connection))
    server:signal("sighup")
    wait_lines(server, RELOADED, 1)
    assert.equal("1 3", version(connection))
  end)

  it("warns when what clients ask for only once has changed", function()
    local function capable(name, service)
      return ([[return {
        GetPluginInfo = { name = %q, vendor_version = "1" },
        GetPluginCapabilities = { capabilities = { { service = { type = %q } } } },
      }]]):format(name, service)
    end
    local dir = folder.make { ["script.lua"] = capable("a.example.com", "CONTROLLER_SERVICE") }
    local server = serve(dir)
    save(dir .. "/script.lua", capable("b.example.com", "CONTROLLER_SERVICE"))
    wait_lines(server, RELOADED, 1)
    local warnings = wait_lines(server, "^A reply has changed", 1)
    assert.equal("W", warnings[1].severity)
    assert.equal("GetPluginInfo", warnings[1].fields.method)
    save(dir .. "/script.lua", capable("b.example.com", "GROUP_CONTROLLER_SERVICE"))
    wait_lines(server, RELOADED, 2)
    warnings = wait_lines(server, "^A reply has changed", 2)
    assert.equal("GetPluginCapabilities", warnings[2].fields.method)
  end)

  it("fails no call, two hundred times, half of them broken, under load", function()
    local dir = folder.make { ["script.lua"] = script "0", ["stop/"] = "" }
    local server, connection = serve(dir)
    local caller = process.start({ "lua5.4", "spec/support/caller.lua", server.endpoint, dir .. "/stop/now" },
      { dir = host.folder() })
    local saves = { save, save_by_rename }
    for i = 1, 100 do
      saves[i % 2 + 1](dir .. "/script.lua", script(tostring(i)))
      wait_version(connection, tostring(i))
      saves[i // 2 % 2 + 1](dir .. "/script.lua", script(tostring(i)) .. "broken" .. i)
      wait_failure(server, ("near 'broken%d'"):format(i))
    end
    save(dir .. "/stop/now", "")
    assert.equal(0, caller:wait(), caller:stdout() .. caller:stderr())
    wait_lines(server, RELOADED, 100)
  end)
end)
