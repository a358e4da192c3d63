-- Sessions: tests that share one process and do not see each other.

local control = require "spec.support.control"
local host = require "spec.support.host"
local process = require "spec.support.process"
local wait = require "spec.support.wait"

local SCRIPT = [[
local csi = require "csi"
local made = 0
return {
  GetPluginInfo = { name = "session.example.com", vendor_version = csi.config.version or "1" },
  CreateVolume = function(request)
    made = made + 1
    csi.store.set("made", made)
    return { volume = { volume_id = request.name .. made } }
  end,
  GetCapacity = function() return { available_capacity = csi.store.get("made") or 0 } end,
  ListVolumes = function() csi.sleep(3600) end,
  ListSnapshots = function()
    string.find(("a"):rep(3000), ("a-"):rep(6) .. "b") -- for ever, inside of one C function
  end,
}
]]

local server, csi

local function start(flags, script)
  server = control.serve { script = script or SCRIPT, flags = flags }
  csi = server:connect()
end

-- The options of a call in that session.
local function within(name)
  return { timeout = 30, metadata = { ["luacsi-session"] = name } }
end

local function create(name)
  return assert(csi:call("CreateVolume", { name = "v" }, name and within(name))).volume.volume_id
end

local function new(name, more)
  local request = more or {}
  request.session = name
  server:must("CreateSession", request)
end

describe("a session", function()
  after_each(host.teardown)

  it("has a state, a store and calls of its own", function()
    start()
    assert.equal("v1", create())
    new("a")
    new("b")
    assert.equal("v1", create "a")
    assert.equal("v2", create "a")
    assert.equal("v1", create "b")
    assert.equal("v2", create())
    assert.equal(2, csi:call("GetCapacity", {}, within "a").available_capacity)
    assert.equal(1, csi:call("GetCapacity", {}, within "b").available_capacity)
    assert.same({ { 1, "a" }, { 2, "a" }, { 3, "a" } },
      control.fields(server:must("Calls", { session = "a" }), "sequence", "session"))
    assert.equal(2, #server:must("Calls", { session = "b" }).calls)
    assert.equal(2, #server:must("Calls").calls)
  end)

  it("is reset alone", function()
    start()
    new("a")
    create()
    create "a"
    server:must("Reset", { session = "a" })
    assert.equal("v1", create "a")
    assert.equal("v2", create())
    assert.equal(2, #server:must("Calls").calls)
  end)

  it("may have a script and settings of its own", function()
    start()
    new("a", { script = 'return { Probe = { ready = false } }', name = "a.lua" })
    new("b")
    server:must("SetConfig", { session = "b", key = "version", value = "b" })
    assert.is_false(csi:call("Probe", {}, within "a").ready)
    assert.is_true(csi:call("Probe").ready)
    assert.equal("b", csi:call("GetPluginInfo", {}, within "b").vendor_version)
    assert.equal("1", csi:call("GetPluginInfo").vendor_version)
    server:must("Load", { session = "a", script = 'return { Probe = { ready = true } }' })
    assert.is_true(csi:call("Probe", {}, within "a").ready)
    local names = {}
    for i, session in ipairs(server:must("Status").sessions) do
      names[i] = session.session .. ":" .. session.script:match("[^/]*$")
    end
    assert.same({ ":script.lua", "a:pushed.lua", "b:script.lua" }, names)
  end)

  it("takes up the file when it is saved, unless its script is another", function()
    start()
    new("a")
    new("b", { script = "return { Probe = { ready = false } }" })
    process.write_file(server.dir .. "/script.lua",
      'return { GetPluginInfo = { name = "x.y", vendor_version = "9" } }')
    assert.truthy(wait.for_(function()
      return csi:call("GetPluginInfo", {}, within "a").vendor_version == "9"
        and csi:call("GetPluginInfo").vendor_version == "9"
    end))
    assert.is_false(csi:call("Probe", {}, within "b").ready)
  end)

  it("that nobody made is an error that says what to do", function()
    start()
    local reply, code, message = csi:call("Probe", {}, within "none")
    assert.is_nil(reply)
    assert.equal("FAILED_PRECONDITION", code)
    assert.equal('there is no session "none" (metadata luacsi-session): make it first with '
      .. "`luacsi ctl session new`, or CreateSession", message)
    local call = server:must("Calls").calls[1]
    assert.same({ "FAILED_PRECONDITION", "none", "" }, { call.status, call.handler, call.session })
  end)

  it("ends, and what waits in it ends with it", function()
    start()
    new("a")
    local child = host.start { "call", "ListVolumes", "{}", "--endpoint", server.endpoint, "--timeout", "0",
      "--metadata", "luacsi-session=a" }
    assert.truthy(wait.for_(function() return csi:call("luacsi.v1.Host/GetStatus").suspended_tasks == 1 end))
    server:must("EndSession", { session = "a" })
    assert.equal(1, child:wait())
    child.done = true
    assert.equal("UNAVAILABLE: the session has ended\n", child:stderr())
    assert.equal("FAILED_PRECONDITION", select(2, csi:call("Probe", {}, within "a")))
    server:assert_fails("NOT_FOUND", 'there is no session "a"', "EndSession", { session = "a" })
    new("a")
    assert.equal("v1", create "a")
  end)

  it("has a name that can be told apart", function()
    start()
    new("a")
    server:assert_fails("ALREADY_EXISTS", 'there is a session "a" already', "CreateSession",
      { session = "a" })
    for _, name in ipairs { "", "a b", "ä", "a:b", ("x"):rep(128) } do
      local _, code, message = server:control("CreateSession", { session = name })
      assert.equal("INVALID_ARGUMENT", code)
      assert.matches("^expected a session's name of at most 127 letters", message)
    end
    new(("x"):rep(127))
    new("TestGo/sub_case.1-a")
    server:assert_fails("NOT_FOUND", 'there is no session ""', "EndSession", { session = "" })
  end)

  it("is not made of a script that does not load", function()
    start()
    server:assert_fails("INVALID_ARGUMENT", "pushed.lua:1: unexpected symbol near '}'", "CreateSession",
      { session = "a", script = "return }" })
    assert.equal("FAILED_PRECONDITION", select(2, csi:call("Probe", {}, within "a")))
    new("a")
  end)

  it("is one of at most --sessions", function()
    start { "--sessions", "2" }
    new("a")
    new("b")
    server:assert_fails("RESOURCE_EXHAUSTED",
      "there are 2 sessions, which is all that --sessions allows; end one", "CreateSession",
      { session = "c" })
    server:must("EndSession", { session = "a" })
    new("c")
  end)

  it("may be forbidden", function()
    start { "--sessions", "0" }
    local _, code = server:control("CreateSession", { session = "a" })
    assert.equal("RESOURCE_EXHAUSTED", code)
  end)

  it("outlives a handler that got the thread stuck", function()
    start { "--handler-cpu", "200ms" }
    new("a")
    create "a"
    create()
    local _, code = csi:call("ListSnapshots", {}, within "a")
    assert.equal("DEADLINE_EXCEEDED", code)
    assert.equal("v1", create "a") -- in a fresh state, as that of the process
    assert.equal("v1", create())
    assert.equal(1, csi:call("GetCapacity", {}, within "a").available_capacity)
    server:signal("sigkill") -- the stuck thread computes until its end
    server.process:wait()
    server.process.done = true
  end)

  it("does not make the process larger than it was, once it has ended", function()
    start()
    for i = 1, 40 do
      new("s" .. i)
      create("s" .. i)
      server:must("EndSession", { session = "s" .. i })
    end
    assert.equal(1, #server:must("Status").sessions)
  end)

  it("is nothing that a process without control knows", function()
    local plain = host.serve { script = SCRIPT }
    local connection = plain:connect()
    assert.is_true(connection:call("Probe", {}, within "any").ready)
  end)
end)
