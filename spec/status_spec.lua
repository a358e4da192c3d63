-- `luacsi status`: what it prints of a serving luacsi, for people and for machines, and its exit codes.

local host = require "spec.support.host"
local luacsi = require "luacsi"
local process = require "spec.support.process"
local wait = require "spec.support.wait"

local SCRIPT = [[return { GetPluginInfo = { name = "status.csi.example.com", vendor_version = "1" } }]]

-- { name = text } of the lines that it prints for people.
local function fields(server)
  local result = server:run { "status" }
  assert.same({ 0, "" }, { result.code, result.stderr })
  local list = {}
  for name, value in result.stdout:gmatch("(%S[^\n]-)%s%s+([^\n]*)\n") do
    list[name] = value
  end
  return list
end

describe("luacsi status", function()
  after_each(host.teardown)

  it("tells of the process and its script", function()
    local server = host.serve { script = SCRIPT }
    server:connect():call("GetPluginInfo")
    local status = fields(server)
    assert.equal(luacsi.version, status.version)
    assert.equal(tostring(server.process.pid), status.pid)
    assert.equal(server.dir .. "/script.lua", status.script)
    assert.equal("0", status.reloads)
    assert.equal("0", status["failed reloads"])
    assert.is_nil(status["last error"])
    assert.is_true(tonumber(status.calls) >= 2)
    assert.equal("1", status["calls in flight"])
    assert.is_true(tonumber(status["Lua memory (bytes)"]) > 10000)
    for _, name in ipairs { "started", "loaded" } do
      assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ$", status[name])
    end
  end)

  it("tells that there is no script", function()
    assert.equal("built-in", fields(host.serve {}).script)
  end)

  it("tells why the last reload failed, and nothing that moves a terminal's cursor", function()
    local server = host.serve { script = SCRIPT }
    process.write_file(server.dir .. "/script.lua", 'error("\27[2Jno\\n", 0)')
    server:signal("sighup")
    local status = wait.for_(function()
      local now = fields(server)
      return now["failed reloads"] ~= "0" and now
    end)
    assert.equal("0", status.reloads)
    assert.matches("\\x1b[2Jno\\x0a", status["last error"], 1, true)
  end)

  it("is one line of JSON for machines", function()
    local server = host.serve { script = SCRIPT }
    local result = server:run { "status", "--json" }
    assert.same({ 0, "" }, { result.code, result.stderr })
    assert.matches("^[^\n]+\n$", result.stdout)
    local status = luacsi.json.decode(result.stdout)
    assert.equal(server.process.pid, status.pid)
    assert.equal(server.dir .. "/script.lua", status.script)
  end)

  it("ends with 3 where nobody listens, with 2 for what it does not know", function()
    local path = host.folder() .. "/nobody.sock"
    local result = host.run { "status", "--endpoint", path }
    assert.equal(3, result.code)
    assert.matches("nobody.sock: No such file or directory", result.stderr, 1, true)
    assert.equal(2, host.run { "status", "more", "--endpoint", path }.code)
  end)
end)
