-- luacsi.v1.Control: having the process answer otherwise, forget, and let time pass.

local control = require "spec.support.control"
local folder = require "spec.support.folder"
local host = require "spec.support.host"
local json = require("luacsi").json
local process = require "spec.support.process"
local wait = require "spec.support.wait"

local SCRIPT = [[
local csi = require "csi"
local made = 0
return {
  GetPluginInfo = { name = "control.example.com", vendor_version = csi.config.version or "1" },
  CreateVolume = function(request)
    made = made + 1
    csi.store.set("made", made)
    return { volume = { volume_id = request.name .. made } }
  end,
  GetCapacity = function() return { available_capacity = csi.store.get("made") or 0 } end,
  ListVolumes = function()
    repeat csi.sleep(0.01) until csi.store.get("go")
    return { next_token = "OK" }
  end,
}
]]

local server, csi

local function start(options)
  options = options or {}
  options.script = options.script or SCRIPT
  server = control.serve(options)
  csi = server:connect()
end

local function create(name)
  return csi:call("CreateVolume", { name = name })
end

local function calls(request)
  return server:must("Calls", request)
end

-- `luacsi call` with a request in JSON, which goes on while the spec does.
local function start_call(endpoint, method, request)
  return host.start { "call", method, json.encode(request), "--json", "--timeout", "0",
    "--endpoint", endpoint }
end

local function finish(child)
  child:wait()
  child.done = true
  return json.decode(child:stdout())
end

describe("reset", function()
  before_each(function()
    start()
    create("a")
  end)
  after_each(host.teardown)

  local function volume_id()
    return create("a").volume.volume_id
  end

  local function stored()
    return csi:call("GetCapacity").available_capacity
  end

  it("forgets all", function()
    server:must("Reset")
    assert.same({}, calls().calls)
    assert.equal(0, stored())
    assert.equal("a1", volume_id())
    assert.same({ { 2 }, { 3 } }, control.fields(calls(), "sequence"))
    assert.equal(0, calls().lost)
  end)

  it("forgets the calls alone", function()
    server:must("Reset", { calls = true })
    assert.same({}, calls().calls)
    assert.equal(1, stored())
    assert.equal("a2", volume_id())
  end)

  it("forgets the store alone", function()
    server:must("Reset", { store = true })
    assert.equal(0, stored())
    assert.equal("a2", volume_id())
    assert.equal(3, #calls().calls)
  end)

  it("forgets what the script remembers alone", function()
    server:must("Reset", { script = true })
    assert.equal(1, stored())
    assert.equal("a1", volume_id())
  end)

  it("forgets the store that is saved, too", function()
    server:stop()
    local file = folder.make() .. "/state"
    start { flags = { "--state", file } }
    create("a")
    server:must("Reset")
    server:stop()
    start { flags = { "--state", file } }
    assert.equal(0, stored())
    server:stop()
    folder.remove_all()
  end)
end)

describe("a script that is pushed", function()
  before_each(function() start() end)
  after_each(host.teardown)

  local READY = 'local csi = require "csi"\nreturn { Probe = { ready = csi.store.get("made") == nil } }'

  it("answers from now on", function()
    server:must("Load", { script = READY })
    assert.is_true(csi:call("Probe").ready)
    assert.equal("UNIMPLEMENTED", select(2, create("a")))
    local status = server:must("Status").sessions[1]
    assert.same({ "pushed.lua", true, 1 }, { status.script, status.is_pushed, status.reloads })
  end)

  it("keeps the store", function()
    create("a")
    server:must("Load", { script = READY })
    assert.is_false(csi:call("Probe").ready)
  end)

  it("has a name in messages", function()
    server:must("Load", { name = "mine.lua", script = "return { Probe = function() error 'oh' end }" })
    assert.matches("mine.lua:1: oh", select(3, csi:call("Probe")), 1, true)
    assert.equal("mine.lua:1", calls().calls[1].place)
  end)

  it("may require what lies beside the file", function()
    process.write_file(server.dir .. "/answers.lua", "return { ready = false }")
    server:must("Load", { script = 'return { Probe = require "answers" }' })
    assert.is_false(csi:call("Probe").ready)
  end)

  it("that does not load leaves the one before", function()
    local n = 0
    local function refused(message, text)
      local _, code, came = server:control("Load", { script = text })
      assert.equal("INVALID_ARGUMENT", code)
      assert.matches(message, came, 1, true)
      n = n + 1
      assert.equal("a" .. n, create("a").volume.volume_id)
    end
    refused("pushed.lua:2: unexpected symbol near <eof>", "return {\n")
    refused("pushed.lua: expected the script to return a table of handlers, got nothing", "local x = 1")
    refused("pushed.lua:1: CSI has no method Prob (did you mean Probe?)", "return { Prob = {} }")
    refused("pushed.lua:1: ProbeResponse.ready: expected boolean, got string",
      'return { Probe = { ready = "x" } }')
    refused("pushed.lua:1: oh", "error 'oh'")
    assert.matches("pushed.lua:1: oh", server:must("Status").sessions[1].last_error, 1, true)
  end)

  it("that never ends to load leaves the one before", function()
    server:stop()
    start { flags = { "--handler-cpu", "100ms", "--handler-timeout", "200ms" } }
    local _, code, message = server:control("Load", { script = "while true do end" })
    assert.equal("INVALID_ARGUMENT", code)
    assert.matches("pushed.lua", message, 1, true)
    assert.equal("a1", create("a").volume.volume_id)
  end)

  it("goes when the file is asked for again", function()
    server:must("Load", { script = READY })
    server:must("Load", { file = true })
    assert.equal("a1", create("a").volume.volume_id)
    assert.is_false(server:must("Status").sessions[1].is_pushed)
  end)

  it("stays when the file is saved", function()
    server:must("Load", { script = READY })
    process.write_file(server.dir .. "/script.lua", "return { Probe = { ready = false } }")
    server:signal("sighup")
    server:wait_log('Script reloaded" script="pushed.lua".*Script reloaded" script="pushed.lua"')
    assert.is_true(csi:call("Probe").ready)
    server:must("Load", { file = true })
    assert.is_false(csi:call("Probe").ready)
  end)

  it("must be one", function()
    server:assert_fails("INVALID_ARGUMENT", "expected either script or file, got none", "Load", {})
    server:assert_fails("INVALID_ARGUMENT", "expected either script or file, got both", "Load",
      { script = READY, file = true })
  end)

  it("may come while another one is on its way", function()
    local children = {}
    for i = 1, 5 do
      children[i] = start_call(server.control_endpoint, "luacsi.v1.Control/Load",
        { script = ("return { Probe = { ready = %s } }"):format(i % 2 == 0) })
    end
    for _, child in ipairs(children) do
      assert.same({}, finish(child))
    end
    assert.equal(5, server:must("Status").sessions[1].reloads)
  end)

  it("does not end calls that are under way", function()
    local child = start_call(server.endpoint, "ListVolumes", { starting_token = "" })
    assert.truthy(wait.for_(function() return csi:call("luacsi.v1.Host/GetStatus").suspended_tasks == 1 end))
    server:must("Load", { script = [[
      local csi = require "csi"
      return { Probe = function() csi.store.set("go", true) return { ready = true } end }]] })
    assert.is_true(csi:call("Probe").ready)
    assert.equal("OK", finish(child).next_token)
    assert.equal("function", calls({ filter = { method = "ListVolumes" } }).calls[1].handler)
  end)
end)

describe("a setting", function()
  before_each(function() start { flags = { "--set", "version=2" } } end)
  after_each(host.teardown)

  local function version()
    return csi:call("GetPluginInfo").vendor_version
  end

  it("is seen by the script, which is loaded anew", function()
    create("a")
    server:must("SetConfig", { key = "version", value = "3" })
    assert.equal("3", version())
    assert.equal("a1", create("a").volume.volume_id)
    server:must("SetConfig", { key = "version", value = "4" })
    server:must("SetConfig", { key = "other", value = "" })
    assert.equal("4", version())
  end)

  it("outlasts a script that is pushed", function()
    server:must("SetConfig", { key = "ready", value = "no" })
    server:must("Load", { script = [[
      local csi = require "csi"
      return { Probe = { ready = csi.config.ready ~= "no" and csi.config.version == "2" } }]] })
    assert.is_false(csi:call("Probe").ready)
    server:must("SetConfig", { key = "ready", value = "yes" })
    assert.is_true(csi:call("Probe").ready)
  end)

  it("with which the script does not load is refused", function()
    server:must("Load", { script = [[
      assert(require("csi").config.version ~= "bad", "bad version")
      return {}]] })
    local _, code, message = server:control("SetConfig", { key = "version", value = "bad" })
    assert.equal("INVALID_ARGUMENT", code)
    assert.matches("bad version", message, 1, true)
    server:must("Reset") -- which loads with the one before
  end)

  it("that makes no sense is refused", function()
    local _, code, message = server:control("SetConfig", { value = "x" })
    assert.equal("INVALID_ARGUMENT", code)
    assert.matches("^expected a key of 1 to 256 bytes", message)
    _, code = server:control("SetConfig", { key = "a", value = ("x"):rep(65537) })
    assert.equal("INVALID_ARGUMENT", code)
  end)
end)

describe("the virtual clock", function()
  after_each(host.teardown)

  local TICKS = [[
    local csi = require "csi"
    csi.every(1, function() csi.store.incr("ticks") end)
    return {
      GetCapacity = function() return { available_capacity = csi.store.get("ticks") or 0 } end,
      Probe = function()
        csi.sleep(3600)
        return { ready = true }
      end,
    }
  ]]

  local function ticks()
    return csi:call("GetCapacity").available_capacity
  end

  it("stands still until it is advanced, and what is due happens before the answer", function()
    start { script = TICKS, flags = { "--clock", "virtual=2026-01-01T00:00:00Z", "--seed", "1" } }
    assert.same({ true, "2026-01-01T00:00:00Z" },
      { server:must("Status").is_virtual, server:must("Status").now })
    local before = ticks()
    assert.equal("2026-01-01T00:01:00.500Z", server:must("Advance", { milliseconds = 60500 }).now)
    assert.is_true(ticks() - before >= 50) -- the first of them has a jitter
    assert.equal(server:must("Status").now, server:must("Advance").now)
  end)

  it("ends what sleeps, at once", function()
    start { script = TICKS, flags = { "--clock", "virtual", "--handler-timeout", "1h" } }
    local child = start_call(server.endpoint, "Probe", {})
    assert.truthy(wait.for_(function() return csi:call("luacsi.v1.Host/GetStatus").suspended_tasks == 1 end))
    server:must("Advance", { milliseconds = 3600000 })
    assert.same({ ready = true }, finish(child))
  end)

  it("dates the calls", function()
    start { script = TICKS, flags = { "--clock", "virtual=2026-01-01T00:00:00Z" } }
    server:must("Advance", { milliseconds = 1000 })
    ticks()
    assert.equal("2026-01-01T00:00:01Z", calls().calls[1].time)
  end)

  it("does not go back, nor to the end of days", function()
    start { flags = { "--clock", "virtual" } }
    for _, ms in ipairs { -1, 1 << 62, math.maxinteger } do
      assert.equal("OUT_OF_RANGE", select(2, server:control("Advance", { milliseconds = ms })))
    end
  end)

  it("is not the real one", function()
    start()
    assert.is_false(server:must("Status").is_virtual)
    local _, code, message = server:control("Advance", { milliseconds = 1 })
    assert.equal("FAILED_PRECONDITION", code)
    assert.matches("virtual", message, 1, true)
  end)
end)
