-- luacsi ctl: what a shell sees of a test double, and its exit codes.

local control = require "spec.support.control"
local folder = require "spec.support.folder"
local host = require "spec.support.host"
local json = require("luacsi").json
local process = require "spec.support.process"

local SCRIPT = [[
local csi = require "csi"
local made = 0
return {
  GetPluginInfo = { name = "ctl.example.com", vendor_version = csi.config.version or "1" },
  CreateVolume = function(request)
    made = made + 1
    if request.name == "busy" then
      csi.fail("ABORTED", "as asked\27[2J\nand more")
    end
    return { volume = { volume_id = request.name .. made } }
  end,
}
]]

local server, csi

local function start(flags)
  server = control.serve { script = SCRIPT, flags = flags }
  csi = server:connect()
end

local function create(name, options)
  return csi:call("CreateVolume", { name = name }, options)
end

local function ctl(...)
  return host.run({ "ctl", ... }, { env = { LUACSI_CONTROL = server.control_endpoint } })
end

local function assert_result(code, stdout, stderr, result)
  assert.same({ code = code, stdout = stdout, stderr = stderr }, result)
end

local function ok(...)
  local result = ctl(...)
  assert.same({ 0, "" }, { result.code, result.stderr })
  return result.stdout
end

local function usage(message, ...)
  assert_result(2, "", "luacsi ctl: " .. message .. "\n", ctl(...))
end

after_each(function()
  host.teardown()
  folder.remove_all()
end)

describe("ctl calls", function()
  it("shows the calls, each with what came and what became of it", function()
    start()
    csi:call("GetPluginInfo")
    create("a")
    create("busy")
    local text = ok("calls"):gsub("%d%d%d%d%-%S+", "TIME"):gsub("%d+%.%d+ ms", "N ms"):gsub("/%S*/", "")
    assert.equal([[
     1  TIME  GetPluginInfo                    OK  N ms  constant script.lua:4
        request  {}
        reply    {"name":"ctl.example.com","vendor_version":"1"}
     2  TIME  CreateVolume                     OK  N ms  function script.lua:5
        request  {"name":"a"}
        reply    {"volume":{"volume_id":"a1"}}
     3  TIME  CreateVolume                     ABORTED  N ms  function script.lua:5
        request  {"name":"busy"}
        message  as asked\x1b[2J\x0aand more
]], text)
  end)

  it("shows some of them", function()
    start()
    for _, name in ipairs { "a", "b", "busy", "c" } do
      create(name)
    end
    local function numbers(...)
      local list = {}
      for number in ok("calls", ...):gmatch("\n? +(%d+)  %d%d%d%d") do
        list[#list + 1] = number
      end
      return table.concat(list, " ")
    end
    assert.equal("3", numbers("--status", "ABORTED"))
    assert.equal("2", numbers("--method", "CreateVolume", "--request", '{"name":"b"}'))
    assert.equal("3 4", numbers("--since", "2"))
    assert.equal("", numbers("--method", "Probe"))
    assert.matches("there are more: %-%-since 2\n$", ok("calls", "--limit", "2"))
  end)

  it("is JSON for machines, with requests and replies as they are", function()
    start()
    create("a")
    create("busy")
    local text = ok("calls", "--json")
    assert.equal(1, select(2, text:gsub("\n", "")))
    local calls = json.decode(text).calls
    assert.same({ name = "a" }, calls[1].request)
    assert.same({ volume = { volume_id = "a1" } }, calls[1].reply)
    assert.equal(json.null, calls[2].reply)
    assert.is_nil(calls[1].request_json)
  end)

  it("says how many were lost", function()
    start { "--calls", "2" }
    for _, name in ipairs { "a", "b", "c", "d" } do
      create(name)
    end
    assert.matches("^2 earlier calls were lost, because more came than %-%-calls keeps\n", ok("calls"))
    assert.matches("^1 earlier call was lost, ", ok("calls", "--since", "1"))
  end)

  it("fails with the server's words", function()
    start()
    assert_result(1, "", "INVALID_ARGUMENT: CSI has no method Prob (did you mean Probe?)\n",
      ctl("calls", "--method", "Prob"))
    assert_result(1, "", 'NOT_FOUND: there is no session "x": make it first with CreateSession\n',
      ctl("calls", "--session", "x"))
    local result = ctl("calls", "--session", "x", "--json")
    assert.same({ 1, "NOT_FOUND" }, { result.code, json.decode(result.stdout).code })
  end)
end)

describe("ctl wait", function()
  it("ends when enough have come", function()
    start()
    local child = host.start({ "ctl", "wait", "--count", "2", "--method", "CreateVolume", "--timeout", "60s",
      "--json" }, { env = { LUACSI_CONTROL = server.control_endpoint } })
    create("a")
    csi:call("Probe")
    create("b")
    assert.equal(0, child:wait())
    child.done = true
    local reply = json.decode(child:stdout())
    assert.same({ { 1 }, { 3 } }, control.fields(reply, "sequence"))
  end)

  it("fails when they have not come in time", function()
    start()
    create("a")
    local result = ctl("wait", "--count", "2", "--timeout", "10ms")
    assert.same({ 1, "expected 2 in time, got 1\n" }, { result.code, result.stderr })
    assert.matches("CreateVolume", result.stdout, 1, true)
  end)
end)

describe("ctl verify", function()
  before_each(function()
    start()
    csi:call("Probe")
    create("a")
    create("a")
  end)

  it("is silent but for a word when all is as expected", function()
    assert.equal("as expected\n", ok("verify", "--method", "CreateVolume", "--exactly", "2"))
    ok("verify", "--method", "CreateVolume", "--at-least", "1", "--at-most", "2")
    ok("verify", "--method", "DeleteVolume", "--never")
    ok("verify", "--order", "Probe", "--order", "CreateVolume")
    ok("verify", "--request", '{"name":"a"}')
    ok("verify", "--since", "2", "--exactly", "1")
  end)

  it("fails, says why and shows the calls when it is not", function()
    local result = ctl("verify", "--method", "CreateVolume", "--exactly", "1")
    assert.same({ 1, "expected exactly 1 call of CreateVolume, got 2\n" }, { result.code, result.stderr })
    assert.equal(2, select(2, result.stdout:gsub("CreateVolume ", "")))
    result = ctl("verify", "--method", "Probe", "--never", "--json")
    assert.same({ 1, "" }, { result.code, result.stderr })
    local verdict = json.decode(result.stdout)
    assert.same({ false, "expected no calls of Probe, got 1" }, { verdict.verified, verdict.reason })
    assert.same({}, verdict.calls[1].request)
    assert.equal(1, ctl("verify", "--order", "CreateVolume", "--order", "Probe").code)
  end)
end)

describe("ctl", function()
  before_each(function() start() end)

  local function version()
    return csi:call("GetPluginInfo").vendor_version
  end

  local function write(text)
    local path = folder.make() .. "/pushed.lua"
    process.write_file(path, text)
    return path
  end

  it("loads a script, and the one before again", function()
    local path = write 'return { GetPluginInfo = { name = "a.b", vendor_version = "2" } }'
    assert.equal("", ok("load", path))
    assert.equal("2", version())
    assert.equal("", ok("load", "--file"))
    assert.equal("1", version())
    local result = host.run({ "ctl", "load", "-" }, { stdin = 'return { Probe = { ready = false } }',
      env = { LUACSI_CONTROL = server.control_endpoint } })
    assert_result(0, "", "", result)
    assert.is_false(csi:call("Probe").ready)
  end)

  it("says what is wrong with a script, and the one before goes on", function()
    local path = write "return {\n  Prob = {},\n}"
    assert_result(1, "", "INVALID_ARGUMENT: " .. path .. ":2: CSI has no method Prob (did you mean Probe?)\n",
      ctl("load", path))
    assert.equal("1", version())
    usage("/none.lua: No such file or directory", "load", "/none.lua")
    local empty = write ""
    usage(empty .. ": expected a script in UTF-8, got nothing", "load", empty)
    local bytes = write "return \255"
    usage(bytes .. ": expected a script in UTF-8, got other bytes", "load", bytes)
  end)

  it("sets, resets, and makes sessions", function()
    ok("set", "version=3", "other=x=y")
    assert.equal("3", version())
    create("a")
    ok("reset", "calls")
    assert.equal("", ok("calls"))
    assert.equal("a2", create("a").volume.volume_id)
    ok("reset")
    assert.equal("a1", create("a").volume.volume_id)
    ok("session", "new", "t")
    ok("session", "new", "u", write "return { Probe = { ready = false } }")
    local within = { metadata = { ["luacsi-session"] = "u" } }
    assert.is_false(csi:call("Probe", {}, within).ready)
    ok("set", "--session", "t", "version=t")
    assert.equal("t",
      csi:call("GetPluginInfo", {}, { metadata = { ["luacsi-session"] = "t" } }).vendor_version)
    assert.matches("Probe", ok("calls", "--session", "u"), 1, true)
    ok("session", "end", "u")
    assert.equal("FAILED_PRECONDITION", select(2, csi:call("Probe", {}, within)))
    assert_result(1, "", 'ALREADY_EXISTS: there is a session "t" already\n', ctl("session", "new", "t"))
  end)

  it("shows how all of it does", function()
    create("a")
    ok("session", "new", "t")
    local text = ok("status")
    assert.matches("\npid      " .. server.process.pid .. "\n", text, 1, true)
    assert.matches("\n%(the process%) +1 +0 +0 +%d+  %S+/script%.lua\n"
      .. "t +0 +0 +0 +%d+  %S+/script%.lua\n", text)
    assert.equal(2, #json.decode(ok("status", "--json")).sessions)
  end)

  it("lets time pass, where the clock is virtual", function()
    local result = ctl("advance", "1m")
    assert.equal(1, result.code)
    assert.matches("^FAILED_PRECONDITION: ", result.stderr)
    server:stop()
    start { "--clock", "virtual=2026-01-01T00:00:00Z" }
    assert.equal("", ok("advance", "1m30s"))
    assert.matches("clock    2026%-01%-01T00:01:30Z %(virtual%)\n", ok("status"))
  end)

  it("stops the process", function()
    assert.equal("", ok("stop"))
    assert.equal(0, server.process:wait())
    server:stop()
  end)

  it("refuses what makes no sense", function()
    usage("expected ACTION [ARG...], got nothing")
    usage("unknown action verfy (did you mean verify?)", "verfy")
    usage("load takes no --method", "load", "--method", "Probe")
    usage("calls takes no --exactly", "calls", "--exactly", "1")
    usage("expected either --never or --exactly", "verify", "--never", "--exactly", "1")
    usage('calls: unexpected argument "x"', "calls", "x")
    usage("set: expected more arguments", "set")
    usage('expected KEY=VALUE, got "x"', "set", "x")
    usage('expected KEY=VALUE, got "=x"', "set", "=x")
    usage('expected a duration such as 300ms, 5s or 1m30s, got "soon"', "advance", "soon")
    usage('expected calls, store or script, got "all"', "reset", "all")
    usage("expected session new NAME [SCRIPT] or session end NAME", "session", "drop", "a")
    usage("expected either a SCRIPT or --file", "load")
    usage('--count: expected integer from 0 to 9223372036854775807, got "-1"', "wait", "--count=-1")
    local result = host.run { "ctl", "calls" }
    assert_result(2, "", "luacsi ctl: expected --control, the socket that `luacsi serve --control` has\n",
      result)
  end)

  it("takes the variables of flags that an action has not", function()
    local result = host.run({ "ctl", "status" },
      { env = { LUACSI_CONTROL = server.control_endpoint, LUACSI_SESSION = "x" } })
    assert.equal(0, result.code)
  end)

  it("tells when nobody is there", function()
    local result = host.run { "ctl", "status", "--control", "unix:///none/control.sock" }
    assert.equal(3, result.code)
    result = host.run { "ctl", "status", "--control", "ftp://x" }
    assert.equal(2, result.code)
  end)

  it("tells when it is no control socket", function()
    local result = host.run { "ctl", "status", "--control", server.endpoint }
    assert_result(1, "", "UNIMPLEMENTED: unknown method /luacsi.v1.Control/Status\n", result)
  end)
end)
