-- luacsi.testing.load: a script inside the test's own Lua does what it does in a server.

local folder = require "spec.support.folder"
local luacsi = require "luacsi"
local testing = require "luacsi.testing"

local HEAD = [[
  local csi = require "csi"
]]

local function load(text, options)
  local all = { text = HEAD .. text }
  for key, value in pairs(options or {}) do
    all[key] = value
  end
  return testing.load(all)
end

-- The one handler that a body makes, and what it answers.
local function answer(body, options, request)
  return load(("return { CreateVolume = function(request, context) %s end }"):format(body), options)
    :call("CreateVolume", request or { name = "v" })
end

-- What a handler with this body gets as the value of `return EXPRESSION`.
local function value(body, options)
  local probe = "return { Probe = function() result = table.pack((function() %s end)()) end }"
  local script = load(probe:format(body), options)
  script:call("Probe")
  local result = script.env.result or error(script.log[#script.log].message)
  return table.unpack(result, 1, result.n)
end

describe("testing.load", function()
  after_each(folder.remove_all)

  it("answers from constants, handlers and defaults", function()
    local script = load [[
      return {
        GetPluginInfo = { name = "a.example.com", vendor_version = "1" },
        CreateVolume = function(request, context)
          return { volume = { volume_id = request.name, volume_context = { method = context.method } } }
        end,
        DeleteVolume = csi.reply("DeleteVolume", {}),
      }
    ]]
    assert.same({ name = "a.example.com", vendor_version = "1", manifest = {} }, script:call("GetPluginInfo"))
    local volume = script:call("CreateVolume", { name = "v" }).volume
    assert.same({ "v", { method = "CreateVolume" } }, { volume.volume_id, volume.volume_context })
    assert.same({}, script:call("DeleteVolume"))
    assert.same({ ready = true }, script:call("Probe"))
    assert.same({ capabilities = {} }, script:call("GetPluginCapabilities"))
    assert.same({ nil, "UNIMPLEMENTED", "the script has no handler for this method" },
      { script:call("ListVolumes") })
    assert.same({ nil, "UNIMPLEMENTED", "streaming replies are not supported yet" },
      { script:call("GetMetadataDelta") })
  end)

  it("takes a file with its modules, a text, or a table of handlers", function()
    local dir = folder.make {
      ["driver.lua"] = 'local lib = require "lib.name" return { GetPluginInfo = lib }',
      ["lib/name.lua"] = 'return { name = "file.example.com", vendor_version = "1" }',
    }
    assert.equal("file.example.com", testing.load(dir .. "/driver.lua"):call("GetPluginInfo").name)
    assert.equal("file.example.com", testing.load({ file = dir .. "/driver.lua" }):call("GetPluginInfo").name)
    local script = testing.load { handlers = { Probe = function() return { ready = false } end } }
    assert.same({ ready = false }, script:call("Probe"))
  end)

  it("gives handlers what a server gives them", function()
    local script = load [[
      return { CreateVolume = function(request, context)
        assert(request.capacity_range == nil and request.parameters.a == nil)
        assert(#request.volume_capabilities == 0)
        assert(getmetatable(request) == nil)
        return { volume = { volume_id = context.id, volume_context = {
          peer = context.peer, wait = tostring(context.deadline - csi.now()), key = context.metadata.key } } }
      end }
    ]]
    local reply = assert(script:call("CreateVolume", {},
      { metadata = { Key = "v", ["csi.requestid"] = "id" }, timeout = 2, peer = "unix:pid=7" }))
    assert.same({ "id", { peer = "unix:pid=7", wait = "2.0", key = "v" } },
      { reply.volume.volume_id, reply.volume.volume_context })
  end)

  it("ends calls in the statuses of a server", function()
    local cases = {
      { 'csi.fail("ABORTED", "no")', "ABORTED", "no" },
      { 'csi.fail(10, "no")', "ABORTED", "no" },
      { 'return nil, "NOT_FOUND", "none"', "NOT_FOUND", "none" },
      { "return nil", "INTERNAL",
        "CreateVolume: expected the handler to return a table or nil, code, message" },
      { "return 5", "INTERNAL", "CreateVolumeResponse: expected table, got number 5" },
      { "return { volume = { volume_id = 'v' }, volum = {} }", "INTERNAL",
        'CreateVolumeResponse: no field is called "volum" (did you mean volume?)' },
      { "return {}", "INTERNAL",
        "CreateVolumeResponse.volume: expected table, got nothing (CSI 1.12.0, CreateVolume" },
      { 'error("x\\ny")', "INTERNAL", "CreateVolume: the script failed: script:2: x" },
      { "error({})", "INTERNAL", "CreateVolume: the script failed: table: " },
      { 'local ok, status = pcall(csi.fail, "ABORTED", "no") error(status)', "ABORTED", "no" },
      { 'return csi.reply("Probe", {})', "INTERNAL",
        "CreateVolume: expected a reply to CreateVolume, got one that is ProbeResponse" },
    }
    for _, case in ipairs(cases) do
      local reply, code, message = answer(case[1])
      assert.is_nil(reply)
      assert.equal(case[2], code)
      assert.equal(case[3], message:sub(1, #case[3]))
    end
    local script = load 'return { GetPluginInfo = function() return { name = "a.example.com" } end }'
    assert.same({ nil, "UNAVAILABLE", "Driver is missing version" }, { script:call("GetPluginInfo") })
  end)

  it("keeps the rules of CSI as it is told", function()
    local text = 'return { GetPluginInfo = function() return { name = "-", vendor_version = "1" } end }'
    local _, code, message = load(text):call("GetPluginInfo")
    assert.equal("INTERNAL", code)
    assert.matches("CSI 1.12.0", message, 1, true)
    local warned = load(text, { validate = "warn" })
    assert.equal("-", warned:call("GetPluginInfo").name)
    assert.matches("GetPluginInfoResponse.name", warned.log[1].message, 1, true)
    assert.equal("-", load(text, { validate = "off" }):call("GetPluginInfo").name)
  end)

  it("says what is wrong with a script", function()
    local cases = {
      ["script: CSI has no method Prob (did you mean Probe?)"] = "return { Prob = {} }",
      ["script: ProbeResponse.ready: expected boolean, got number 1"] = "return { Probe = { ready = 1 } }",
      ["script: Probe: expected a function or a table, got string"] = 'return { Probe = "yes" }',
      ["script: expected the name of a CSI method as key, got a number"] = "return { {} }",
      ["script: expected the script to return a table of handlers, got nothing: does it end"] = "",
      ["script:2: unexpected symbol near <eof>"] = "return",
      ["script:2: at load"] = 'error "at load"',
      ["csi.sleep cannot wait here: only a handler can, not a script that is loading"] = "csi.sleep(1)",
      ["module 'none' not found: "] = 'require "none"',
      ["bad argument #1 to 'reply' (expected the name of a CSI method)"] = 'csi.reply("Prob", {})',
    }
    cases["script:2: unexpected symbol near <eof>"] = "return ="
    for message, text in pairs(cases) do
      local ok, got = pcall(load, text)
      assert.is_false(ok)
      assert.truthy(tostring(got):find(message:gsub("<eof>", ""), 1, true), tostring(got))
    end
    assert.error_matches(function() testing.load "/none.lua" end, "/none.lua: No such file")
  end)

  it("refuses options that make no sense", function()
    local cases = {
      ["expected one of file, text and handlers"] = {},
      ["load: unknown option fil"] = { fil = "x" },
      ["load: config: expected table, got string"] = { text = "", config = "x" },
      ["validate: expected strict, warn or off, got strong"] = { text = "return {}", validate = "strong" },
    }
    for message, options in pairs(cases) do
      assert.error_matches(function() testing.load(options) end, message, 1, true)
    end
    assert.error_matches(function() testing.load(5) end, "expected the path of a script or a table")
    local script = load "return {}"
    assert.error_matches(function() script:call("Prob") end, "did you mean Probe?", 1, true)
    assert.error_matches(function() script:call("Probe", { x = 1 }) end, 'no field is called "x"')
    assert.error_matches(function() script:call("Probe", {}, { tmeout = 1 }) end, "unknown option tmeout")
  end)

  it("keeps the script in the sandbox of a server", function()
    for _, name in ipairs { "io", "debug", "package", "dofile", "loadfile", "warn", "os.exit", "os.getenv",
      "string.dump" } do
      assert.is_nil(value("return " .. name), name)
    end
    assert.is_false(value 'return getmetatable("")')
    assert.is_false(value "return (pcall(setmetatable, {}, { __gc = print }))")
    assert.is_nil(rawget(_G, "leaked"))
    value "leaked = 1"
    assert.is_nil(rawget(_G, "leaked"))
    assert.is_true(value 'return _G.leaked == nil and load("return _G")() == _G')
  end)
end)

describe("the csi module of testing.load", function()
  it("has every function of the real one", function()
    local process = require "spec.support.process"
    local document = process.read_file "docs/scripting.md"
    local csi = load("return {}").csi
    local n = 0
    for name in document:gmatch "%f[%w]csi%.([%w_.]+%w)%f[^%w_]%(" do
      local at = csi
      for part in name:gmatch "[^.]+" do
        at = at[part]
      end
      assert.equal("function", type(at), name)
      n = n + 1
    end
    assert.is_true(n > 30)
  end)

  it("makes replies that break a rule, and requests as a handler gets them", function()
    local script = load [[
      local csi = require "csi"
      return {
        GetPluginInfo = csi.reply("GetPluginInfo", {}, { validate = "off" }),
        Probe = function()
          local request = csi.request("CreateVolume", { name = "pvc-1", secrets = { key = "x" } })
          return csi.fail("ABORTED", request.name .. " " .. tostring(request.secrets))
        end,
      }
    ]]
    assert.same("", (script:call "GetPluginInfo").name)
    assert.same({ nil, "ABORTED", "pvc-1 nil" }, { script:call "Probe" })
    for call, message in pairs {
      ['csi.reply("Probe", {}, { validate = "on" })'] = 'validate: expected "off" or nothing',
      ['csi.reply("Probe", {}, { valid = "off" })'] = 'unknown option "valid"',
      ['csi.request("Nothing", {})'] = "expected the name of a CSI method",
      ['csi.request("CreateVolume", { name = 1 })'] = "CreateVolumeRequest.name: expected string, got",
    } do
      assert.error_matches(function() load(call .. " return {}") end, message, 1, true)
    end
  end)

  it("sees settings, the node, the environment and the clock of the test", function()
    local options = { config = { limit = "5" }, nodeid = "n7", env = { TOKEN = "t" }, now = 1000 }
    assert.same({ "5", "n7", "t", 1000, "1970-01-01" }, { value([[
      return csi.config.limit, csi.config.nodeid, csi.env("TOKEN"), csi.now(), os.date("!%Y-%m-%d")
    ]], options) })
    assert.is_nil(value('return csi.env("PATH")', options))
    assert.equal(luacsi.version, value "return csi.version")
  end)

  it("sleeps in no time, and ends handlers that take too long", function()
    local script = load [[
      return {
        Probe = function() csi.sleep(4) return { ready = true } end,
        CreateVolume = function() csi.sleep(6) end,
      }
    ]]
    local before = script:now()
    assert.same({ ready = true }, script:call("Probe"))
    assert.equal(before + 4, script:now())
    assert.same({ nil, "DEADLINE_EXCEEDED", "the handler took longer than it may" },
      { script:call("Probe", {}, { timeout = 3 }) })
    assert.equal(before + 7, script:now())
    assert.equal("DEADLINE_EXCEEDED", select(2, script:call("CreateVolume")))
    assert.equal(before + 12, script:now())
  end)

  it("waits inside of coroutines, and not where Lua cannot", function()
    assert.same({ 1, 2 }, { value [[
      local list = {}
      local each = coroutine.wrap(function()
        csi.sleep(1)
        coroutine.yield(1)
        pcall(csi.sleep, 1)
        coroutine.yield(2)
      end)
      list[1], list[2] = each(), each()
      return list[1], list[2]
    ]] })
    assert.matches("cannot wait here: inside a function", value [[
      local ok, message = pcall(table.sort, { 1, 2 }, function() csi.sleep(1) end)
      return message
    ]])
  end)

  it("sees the files of the test", function()
    local files = { ["/a"] = "text", ["/d"] = { type = "directory" },
      ["/broken"] = { code = "UNAVAILABLE", message = "/broken: Input/output error" } }
    local options = { files = files }
    assert.equal("text", value('return csi.read "/a"', options))
    assert.same({ "directory", 4 }, { value('return csi.stat("/d").type, csi.stat("/a").size', options) })
    assert.same({ nil, "/none: No such file or directory", "NOT_FOUND" },
      { value('return csi.stat "/none"', options) })
    assert.same({ nil, "/broken: Input/output error", "UNAVAILABLE" },
      { value('return csi.read "/broken"', options) })
    assert.same({ nil, "/d: expected a regular file, got a directory", "FAILED_PRECONDITION" },
      { value('return csi.read "/d"', options) })
    assert.error_matches(function() value 'return csi.read "/a"' end, "the test gives no files")
  end)

  it("runs the programs and asks the servers of the test", function()
    local other = testing.load { handlers = { Probe = { ready = false } } }
    local options = {
      exec = {
        ["/bin/df -h"] = { stdout = "out", status = 1 },
        ["/bin/id"] = function(argv) return 0, argv[2], "" end,
        ["/bin/dead"] = { code = "ABORTED", message = "killed" },
      },
      http = { ["http://a/"] = { body = "hello", headers = { server = "x" } } },
      connect = { ["tcp://a:1"] = true },
      call = { ["unix:///x.sock"] = other },
      mounts = { { target = "/mnt", type = "nfs" } },
    }
    assert.same({ 1, "out", "", false }, { value('return csi.exec { "/bin/df", "-h" }', options) })
    assert.same({ 0, "-u", "" }, { value('return csi.exec { "/bin/id", "-u" }', options) })
    assert.same({ nil, "killed", "ABORTED" }, { value('return csi.exec { "/bin/dead" }', options) })
    assert.equal("NOT_FOUND", select(3, value('return csi.exec { "/bin/none" }', options)))
    assert.same({ 200, "hello", { server = "x" } }, { value('return csi.http "http://a/"', options) })
    assert.equal("UNAVAILABLE", select(3, value('return csi.http "http://b/"', options)))
    assert.is_true(value('return csi.connect "tcp://a:1"', options))
    assert.is_false(value('return csi.call("unix:///x.sock", "Probe").ready', options))
    assert.same({ nil, "the script has no handler for this method", "UNIMPLEMENTED" },
      { value('return csi.call("unix:///x.sock", "ListVolumes")', options) })
    assert.equal("nfs", value("return csi.mounts()[1].type", options))
    for _, call in ipairs { 'csi.exec { "a" }', 'csi.http "http://a/"', 'csi.connect "tcp://a:1"',
      'csi.call("unix:///x.sock", "Probe")', "csi.mounts()" } do
      assert.error_matches(function() value("return " .. call) end, "the test gives no")
    end
  end)

  it("asks checks in the background, when the clock says so", function()
    local up = false
    local script = load([[
      local check = csi.check("disk", { every = 10, rise = 2, fall = 2 }, function()
        return csi.read "/disk"
      end)
      return { Probe = csi.readiness { check } }
    ]], { files = setmetatable({}, { __index = function() return up and "ok" or nil end }) })
    assert.same({ ready = false }, script:call("Probe"))
    script:advance(10)
    assert.same({ nil, "FAILED_PRECONDITION", "disk: /disk: No such file or directory" },
      { script:call("Probe") })
    up = true
    script:advance(10)
    assert.equal("FAILED_PRECONDITION", select(2, script:call("Probe")))
    script:advance(10)
    assert.same({ ready = true }, script:call("Probe"))
  end)

  it("has every, run, coalesce and the store on that clock", function()
    local script = load [[
      local turns, runs = 0, 0
      csi.every(5, function() turns = turns + 1 end)
      csi.store.set("short", true, { ttl = 3 })
      return {
        ControllerGetVolume = function()
          return { volume = { volume_id = ("%d %d %s"):format(turns, runs, csi.store.get "short") },
            status = { volume_condition = { message = "m" } } }
        end,
        Probe = csi.coalesce(function()
          runs = csi.store.incr "runs"
          local run = csi.run(function() csi.sleep(1) csi.fail("ABORTED", "late") end)
          local code, message = run:wait()
          return nil, code, message
        end),
      }
    ]]
    local function state() return script:call("ControllerGetVolume").volume.volume_id end
    assert.equal("1 0 true", state())
    script:advance(5)
    assert.equal("2 0 nil", state())
    assert.same({ nil, "ABORTED", "late" }, { script:call("Probe") })
    assert.equal("2 1 nil", state())
  end)

  it("leaves answers to the defaults, and has faults", function()
    local script = load [[
      local fault = require "csi.fault"
      return {
        Probe = fault.sequence {
          fault.times(2, fault.fail("ABORTED", "not yet")), { ready = false }, fault.pass,
        },
        NodeGetInfo = fault.hang(),
        NodeGetCapabilities = fault.delay(60, csi.pass),
        GetCapacity = fault.first {
          fault.after({ calls = 1 }, fault.vanish(30)), { available_capacity = 7 },
        },
        CreateVolume = fault.on({ name = "raw" }, fault.raw "\xff"),
        DeleteVolume = csi.pass,
        ListVolumes = fault.unchecked { entries = { {} } },
      }
    ]]
    assert.reply(script:call "Probe").has.status("ABORTED", "not yet")
    assert.reply(script:call "Probe").has.status "ABORTED"
    assert.same({ ready = false }, script:call "Probe")
    assert.same({ ready = true }, script:call "Probe")
    assert.reply(script:call("NodeGetInfo", {}, { timeout = 100 })).has.status "DEADLINE_EXCEEDED"
    assert.error_matches(function() script:call "NodeGetInfo" end, "waits for what never comes")
    assert.same({ capabilities = {} }, script:call "NodeGetCapabilities")
    assert.reply(script:call("CreateVolume", { name = "raw" })).has.status "INTERNAL"
    assert.reply(script:call("CreateVolume", { name = "x" })).has.status "UNIMPLEMENTED"
    assert.reply(script:call "DeleteVolume").has.status "UNIMPLEMENTED"
    assert.same({ { volume = nil, status = nil } }, script:call("ListVolumes").entries)
    assert.equal(7, script:call("GetCapacity").available_capacity)
    assert.reply(script:call "GetCapacity").has.status("UNAVAILABLE", "vanishes")
    assert.reply(script:call "Probe").has.status("UNAVAILABLE", "has vanished")
    script:advance(30)
    assert.reply(script:call "Probe").has.status "OK"
    assert.error_matches(function()
      load 'return { Probe = require("csi.fault").sequence { { redy = true } } }'
    end, "did you mean ready?", 1, true)
  end)

  it("replays what was recorded", function()
    local script = load [[
      return require "csi.replay" {
        CreateVolume = {
          { request = { name = "v" }, { seconds = 2, code = "ABORTED", message = "busy" },
            { reply = { volume = { volume_id = "id" } } } },
        },
        GetPluginInfo = { { request = {}, { reply = { name = "breaks a rule" } } } },
      }
    ]]
    local before = script:now()
    assert.reply(script:call("CreateVolume", { name = "v", secrets = { key = "x" } }))
      .has.status("ABORTED", "busy")
    assert.equal(before + 2, script:now())
    assert.equal("id", script:call("CreateVolume", { name = "v" }).volume.volume_id)
    assert.reply(script:call("CreateVolume", { name = "w" })).has.status("FAILED_PRECONDITION",
      'CreateVolumeRequest.name: recorded "v", got "w"')
    assert.same({ name = "breaks a rule", vendor_version = "", manifest = {} }, script:call "GetPluginInfo")
    for recorded, message in pairs {
      ["{ Probe = { {} } }"] = "Probe[1].request: expected a table, got nil",
      ["{ Probe = { { request = {}, { reply = { redy = true } } } } }"] = "did you mean ready?",
      ["{ Prob = {} }"] = "CSI has no method Prob (did you mean Probe?)",
    } do
      assert.error_matches(function() load('return require "csi.replay" ' .. recorded) end, message, 1, true)
    end
  end)

  it("repeats chance with a seed", function()
    local function draw()
      return value("return math.random(1 << 30)", { seed = 7 })
    end
    assert.equal(draw(), draw())
  end)

  it("keeps what was called and what was logged", function()
    local script = load [[
      return { Probe = function() csi.log.warn("asked", { n = 1 }) csi.fail("ABORTED", "no") end }
    ]]
    script:call("Probe")
    assert.same({
      method = "Probe", request = {}, code = "ABORTED", message = "no", time = script:now(), metadata = {},
    }, script:calls()[1])
    assert.same({ level = "warn", message = "asked", fields = { n = 1 } }, script.log[1])
  end)

  it("refuses misuse as the real one does", function()
    for call, message in pairs {
      ['csi.fail("OK", "x")'] = "expected the name or number of a gRPC status other than OK",
      ['csi.fail("ABORTED", "")'] = "expected a message of 1 to 1024 bytes",
      ['csi.sleep(-1)'] = "expected seconds",
      ['csi.store.set("", 1)'] = "expected a key of 1 to 256 bytes, got 0",
      ['csi.store.set("k", {})'] = "nil, boolean, number or string expected",
      ['csi.store.set("k", "x") csi.store.incr("k")'] = "k: expected an integer, got a string",
      ['csi.exec({})'] = "[1]: expected string",
      ['csi.read("")'] = "expected a path",
      ['csi.http("http://a", { metod = "GET" })'] = "unknown option metod",
      ['csi.check("", nil, print)'] = "expected 1 to 63 bytes",
      ['csi.every(0, print)'] = "expected seconds",
      ['csi.readiness { 1 }'] = "expected a check, got number",
      ['csi.json.encode(print)'] = "function",
    } do
      local _, code, text = answer(call, { http = {}, files = {}, exec = {} })
      assert.equal("INTERNAL", code)
      assert.truthy(text:find(message, 1, true), text)
    end
  end)
end)

describe("testing.load in front of a driver", function()
  local MIDDLEWARE = [[
    local fault = require "csi.fault"
    return {
      GetPluginInfo = function(request, context)
        local info, code, message = context.upstream()
        if not info then
          return nil, code, message .. "!"
        end
        info.vendor_version = info.vendor_version .. "-double"
        return info
      end,
      CreateVolume = function(request, context)
        if request.name == "same" then
          request.name = "not sent"
          return context.upstream()
        end
        request.name = request.name .. ".x"
        return context.upstream(request)
      end,
      DeleteVolume = fault.times(1, fault.fail("ABORTED", "on purpose")),
      Probe = csi.pass,
      NodeGetInfo = function() csi.sleep(1) return csi.pass end,
    }
  ]]

  local function create(request)
    return { volume = { volume_id = request.name, volume_context = request.parameters } }
  end

  it("asks what the test puts behind", function()
    local upstream = {
      GetPluginInfo = { name = "real.example.com", vendor_version = "7" },
      CreateVolume = create,
      DeleteVolume = {},
      Probe = { ready = false },
      NodeGetInfo = { code = "UNAVAILABLE", message = "no node" },
    }
    local script = load(MIDDLEWARE, { upstream = upstream })
    assert.equal("7-double", script:call("GetPluginInfo").vendor_version)
    local volume = script:call("CreateVolume", { name = "v", parameters = { a = "b" } }).volume
    assert.same({ "v.x", { a = "b" } }, { volume.volume_id, volume.volume_context })
    assert.equal("same", script:call("CreateVolume", { name = "same" }).volume.volume_id)
    assert.reply(script:call "DeleteVolume").has.status("ABORTED", "on purpose")
    assert.same({}, script:call "DeleteVolume")
    assert.same({ ready = false }, script:call "Probe")
    assert.reply(script:call "NodeGetInfo").has.status("UNAVAILABLE", "no node")
    upstream.GetPluginInfo = { code = 8, message = "full" }
    assert.same({ nil, "RESOURCE_EXHAUSTED", "full!" }, { script:call "GetPluginInfo" })
  end)

  it("asks a function, or another script", function()
    local asked = {}
    local real = load 'return { NodeGetInfo = { node_id = "n" } }'
    local script = load("return {}", { upstream = function(method, request)
      asked[#asked + 1] = method .. " " .. tostring(request.volume_id)
      return real:call(method, request)
    end })
    assert.equal("n", script:call("NodeGetInfo").node_id)
    assert.reply(script:call("DeleteVolume", { volume_id = "v" })).has.status "UNIMPLEMENTED"
    assert.same({ "NodeGetInfo nil", "DeleteVolume v" }, asked)
  end)

  it("has no defaults then, and no rules for what goes through", function()
    local script = load([[return { Probe = function(request, context) return context.upstream() end }]],
      { upstream = { GetPluginInfo = { name = "breaks a rule" }, Probe = {} } })
    assert.equal("breaks a rule", script:call("GetPluginInfo").name)
    assert.same({ nil, "UNIMPLEMENTED", "the driver behind does not answer GetPluginCapabilities" },
      { script:call "GetPluginCapabilities" })
    assert.same({}, script:call "Probe")
  end)

  it("has nobody to ask where the test gives nobody", function()
    local script = load [[
      return { Probe = function(_, context) return { ready = context.upstream ~= nil } end }
    ]]
    assert.same({ ready = false }, script:call "Probe")
  end)

  it("refuses a driver that makes no sense", function()
    for message, upstream in pairs {
      ["load: upstream: expected function or table, got string"] = "unix:///real.sock",
      ["upstream: CSI has no method Prob (did you mean Probe?)"] = { Prob = {} },
      ["upstream: expected the name of a CSI method as key, got a number"] = { {} },
      ["upstream: Probe: expected a reply or nil, code, message, got string"] = { Probe = "yes" },
      ['upstream: ProbeResponse: no field is called "redy" (did you mean ready?)'] =
        { Probe = { redy = true } },
      ["upstream: Probe: expected code and message of a status, got ABORTD, x"] =
        { Probe = { code = "ABORTD", message = "x" } },
    } do
      assert.error_matches(function() load("return {}", { upstream = upstream }) end, message, 1, true)
    end
    for message, ask in pairs {
      ["upstream: Probe: expected a reply or nil, code, message, got nil"] = function() end,
      ["upstream: Probe: expected code and message of a status, got OK, x"] =
        function() return nil, "OK", "x" end,
      ["upstream: ProbeResponse.ready: expected boolean, got number 1"] = function() return { ready = 1 } end,
    } do
      local script = load("return {}", { upstream = ask })
      assert.error_matches(function() script:call "Probe" end, message, 1, true)
    end
  end)

  it("refuses a request that is none, and to wait where it cannot", function()
    local function raises(call)
      local body = ("return { Probe = function(_, context) %s end }"):format(call)
      local _, code, message = load(body, { upstream = { Probe = {} } }):call "Probe"
      assert.equal("INTERNAL", code)
      return message
    end
    assert.matches("table expected, got string", raises 'context.upstream "x"')
    assert.matches('no field is called "nmae"', raises 'context.upstream { nmae = "x" }')
    assert.matches("context.upstream cannot wait here",
      raises "table.sort({ 1, 2 }, function() context.upstream() end)")
  end)
end)
