-- Scripts on their way in: what cannot be used is told with file, line and reason, before anything is
-- bound; `luacsi check` says the same.

local folder = require "spec.support.folder"
local host = require "spec.support.host"
local log = require "spec.support.log"
local process = require "spec.support.process"

local function clean()
  local ok, fault = pcall(host.teardown)
  folder.remove_all()
  assert(ok, fault)
end

-- What both commands must tell: a list of { line, text }; with ^ the text is a pattern. Every problem is
-- told, none is told twice.
local function refused(path, expected, flags)
  local serve = host.serve_refused { file = path, flags = flags }
  assert.equal(1, serve.code)
  assert.equal("", serve.stdout)
  local told = {}
  for _, line in ipairs(log.parse(serve.stderr)) do
    told[#told + 1] = line.severity == "E" and line or nil
  end
  local check = host.run(table.move(flags or {}, 1, #(flags or {}), 3, { "check", path }))
  assert.equal(1, check.code)
  for i, wanted in ipairs(expected) do
    local line, text = table.unpack(wanted)
    local got = told[i] or {}
    local right = text:find("^%^") and (got.message or ""):find(text) or text == got.message
    assert(right, ("expected %q, got %q in\n%s"):format(text, got.message, serve.stderr))
    assert.same({ path:match("[^/]*$"), line }, { got.file, got.line })
    local place = line > 0 and ("%s:%d: error: "):format(path, line) or path .. ": error: "
    assert(check.stdout:find(place .. got.message, 1, true), "check says\n" .. check.stdout)
  end
  assert(#told == #expected, "more is told than expected:\n" .. serve.stderr)
  assert(serve.stderr:find("luacsi serve: " .. path, 1, true), serve.stderr)
  local more = serve.stderr:match "%(and (%d+) more%)"
  assert.equal(#expected - 1, tonumber(more or 0))
end

local function refused_script(text, ...)
  return refused(folder.make { ["script.lua"] = text } .. "/script.lua", { ... })
end

describe("a script that cannot be read", function()
  after_each(clean)

  local function unreadable(path, reason)
    local serve = host.serve_refused { file = path }
    assert.equal(1, serve.code)
    assert(serve.stderr:find(path .. ": " .. reason, 1, true), serve.stderr)
    local check = host.run { "check", path }
    assert.equal(1, check.code)
    assert(check.stdout:find(path .. ": error: " .. reason, 1, true), check.stdout)
  end

  it("may be missing", function()
    unreadable(folder.make() .. "/script.lua", "No such file or directory")
  end)

  it("may be a folder", function()
    unreadable(folder.make { ["script.lua/"] = "" } .. "/script.lua",
      "expected a regular file, got a directory")
  end)

  it("may be a fifo, which nobody writes to", function()
    local path = folder.make() .. "/script.lua"
    assert(os.execute("mkfifo " .. path))
    unreadable(path, "expected a regular file, got a special file")
  end)

  it("may be too large", function()
    unreadable(folder.make { ["script.lua"] = (" "):rep((4 << 20) + 1) } .. "/script.lua",
      "expected at most 4194304 bytes")
  end)
end)

describe("a script that does not run", function()
  after_each(clean)

  it("may be wrong Lua", function()
    refused_script("return {\n  Probe = { ready = true\n",
      { 3, "'}' expected (to close '{' at line 2) near <eof>" })
    refused_script("local x = = 1\nreturn {}", { 1, "unexpected symbol near '='" })
    refused_script("return {}\nlocal x", { 2, "<eof> expected near 'local'" })
    refused_script("x = 'open", { 1, "^unfinished string near" })
  end)

  it("may be something else than text", function()
    refused_script(string.dump(function() return {} end), { 0, "^attempt to load a binary chunk" })
    refused_script("\27Lua", { 0, "^attempt to load a binary chunk" })
    refused_script("\xff\xfe\0\1", { 1, "^unexpected symbol near" })
  end)

  it("may raise a string", function()
    refused_script("local x\nerror('no such device')\nreturn {}", { 2, "no such device" })
    refused_script("error('without a place', 0)", { 0, "without a place" })
    refused_script("local t\nreturn { Probe = { ready = t.x } }", { 2, "^attempt to index a nil value" })
  end)

  it("may raise what is no string", function()
    refused_script("error()", { 0, "^the script raised" })
    refused_script("error(nil)", { 0, "^the script raised" })
    refused_script("error({ code = 1 })", { 0, "^the script raised" })
    refused_script("error(setmetatable({}, { __tostring = function() error('again') end }))",
      { 0, "^the script raised" })
    refused_script("local t = {} t.t = t error(t)", { 0, "^the script raised" })
    refused_script("error(true)", { 0, "^the script raised" })
  end)

  it("may raise a status of csi.fail", function()
    refused_script("require('csi').fail('NOT_FOUND', 'no such pool')", { 0, "^.*no such pool$" })
  end)

  it("may recurse without end", function()
    refused_script("local function f(a, b, c) local d = f(a, b, c) return d end\nf()",
      { 1, "^stack overflow" })
  end)

  it("may use up its memory", function()
    local path = folder.make {
      ["script.lua"] = "local t = {} while true do t[#t + 1] = ('x'):rep(1 << 20) end",
    } .. "/script.lua"
    refused(path, { { 0, "not enough memory" } }, { "--handler-cpu=30s", "--handler-timeout=60s" })
  end)

  it("may yield", function()
    refused_script("coroutine.yield()\nreturn {}", { 0, "attempt to yield from outside a coroutine" })
  end)
end)

describe("what a script returns", function()
  after_each(clean)

  it("may be nothing", function()
    refused_script("local x = 1",
      { 0, "expected the script to return a table of handlers, got nothing: does it end in a return?" })
    refused_script("", { 0, "^expected the script to return a table of handlers, got nothing" })
    refused_script("return nil", { 0, "^expected the script to return a table of handlers, got nothing" })
  end)

  it("may be no table", function()
    refused_script("return 42", { 0, "expected the script to return a table of handlers, got number" })
    refused_script("return function() end",
      { 0, "expected the script to return a table of handlers, got function" })
    refused_script("return 'Probe'", { 0, "expected the script to return a table of handlers, got string" })
    refused_script("return require('csi').reply('Probe', {})",
      { 0, "expected the script to return a table of handlers, got userdata" })
  end)

  it("may name an RPC that CSI does not have", function()
    refused_script("return {\n  Prob = { ready = true },\n}",
      { 2, "CSI has no method Prob (did you mean Probe?)" })
    refused_script("return {\n\n  probe = {} }", { 3, "CSI has no method probe (did you mean Probe?)" })
    refused_script("return {\n  getplugininfo = {} }",
      { 2, "CSI has no method getplugininfo (did you mean GetPluginInfo?)" })
    refused_script("return { Xyzzy = {} }", { 1, "CSI has no method Xyzzy" })
    refused_script("return { ['csi.v1.Identity/Probe'] = {} }",
      { 0, "^CSI has no method csi.v1.Identity/Probe" })
    refused_script("return { ['/csi.v1.Identity/Probe'] = {} }",
      { 0, "^CSI has no method /csi.v1.Identity/Probe" })
  end)

  it("may name an RPC with more behind a NUL", function()
    refused_script("return { ['Probe\\0x'] = {} }", { 0, "^CSI has no method Probe" })
  end)

  it("may have other keys than names", function()
    refused_script("return { {} }", { 0, "expected the name of a CSI method as key, got a number" })
    refused_script("return { [true] = {} }", { 0, "expected the name of a CSI method as key, got a boolean" })
    refused_script("return { [{}] = {} }", { 0, "expected the name of a CSI method as key, got a table" })
  end)

  it("may have an entry that is neither function nor table", function()
    refused_script("return {\n  Probe = true }", { 2, "Probe: expected a function or a table, got boolean" })
    refused_script("return {\n  Probe = 'ready' }",
      { 2, "Probe: expected a function or a table, got string" })
    refused_script("return { Probe = coroutine.create(print) }",
      { 1, "Probe: expected a function or a table, got thread" })
  end)

  it("may be a constant that does not convert: the line of the field", function()
    refused_script([[
      return {
        GetPluginInfo = {
          name = "x.example.com",
          vendor_version = "1",
          manifest = {
            build = {},
          },
        },
      }]], { 6, "GetPluginInfoResponse.manifest.build: expected string, got table" })
    refused_script([[
      return {
        Probe = {
          redy = true,
        },
      }]], { 2, 'ProbeResponse: no field is called "redy" (did you mean ready?)' })
    refused_script([[
      return {
        GetPluginCapabilities = {
          capabilities = {
            { service = { type = "CONTROLLER_SERVICE" } },
            { service = {
              type = 99 } },
          },
        },
      }]], { 4, "^GetPluginCapabilitiesResponse.capabilities%[2%].service.type: expected .* number 99$" })
  end)

  it("may be a constant that breaks a rule of CSI", function()
    refused_script("return {\n GetPluginInfo = {\n name = '-x-', vendor_version = '1' } }",
      { 3, "^GetPluginInfoResponse.name: expected " })
    refused_script("return { NodeGetInfo = {} }",
      { 1, "NodeGetInfoResponse.node_id: expected non-empty string, got nothing (CSI 1.12.0, NodeGetInfo)" })
  end)

  it("may be the prepared reply of another RPC", function()
    refused_script(
      "local reply = require('csi').reply\nreturn {\n  Probe = reply('NodeGetInfo', { node_id = 'n' }) }",
      { 3, "Probe: expected a reply to Probe, got one that is NodeGetInfoResponse" })
  end)

  it("may be wrong in several ways, which are told all at once", function()
    refused_script([[
      return {
        Probe = { ready = 1 },
        GetPluginInfo = { nmae = "x", name = "x.example.com", vendor_version = "1" },
        NodeGetInfo = 5,
        Nope = {},
      }]],
      { 3, 'GetPluginInfoResponse: no field is called "nmae" (did you mean name?)' },
      { 2, "ProbeResponse.ready: expected boolean, got number 1" },
      { 4, "NodeGetInfo: expected a function or a table, got number" },
      { 5, "^CSI has no method Nope" })
  end)

  it("is read raw: no metamethod runs", function()
    local server = host.serve { script = [[
      local function fault() error("a metamethod ran") end
      local traps = { __index = fault, __pairs = fault, __len = fault, __call = fault }
      return setmetatable({ Probe = setmetatable({}, traps) }, traps)]] }
    assert.same({}, server:connect():call("Probe"))
  end)
end)

describe("require", function()
  after_each(clean)

  local function with_module(script, files)
    files["script.lua"] = script
    return folder.make(files) .. "/script.lua"
  end

  it("finds modules beside the script, wherever the host was started, and runs each once", function()
    local path = with_module([[
      local a = require "checks"
      local b = require "checks"
      assert(a == b and a.runs == 1)
      assert(require "lib.deep" == "deep")
      assert(require "dash-ed" == true)
      return { Probe = { ready = a.ready }, NodeGetInfo = { node_id = a.name } }]], {
      ["checks.lua"] = "runs = (runs or 0) + 1 return { ready = true, runs = runs, name = ... }",
      ["lib/deep.lua"] = "return 'deep'",
      ["dash-ed.lua"] = "local nothing",
    })
    local server = host.serve { file = path, cwd = "/" }
    local client = server:connect()
    assert.is_true(client:call("Probe").ready)
    assert.equal("checks", client:call("NodeGetInfo").node_id)
  end)

  it("finds them for a script in the working folder", function()
    local path = with_module("return require 'checks'", { ["checks.lua"] = "return { Probe = {} }" })
    local server = host.serve { file = "script.lua", cwd = path:match("(.*)/") }
    assert.same({}, server:connect():call("Probe"))
  end)

  it("gives the csi module, the same one to all", function()
    local path = with_module([[
      assert(require "csi" == require "csi" and require "checks" == require "csi")
      return {}]], { ["checks.lua"] = "return require 'csi'", ["csi.lua"] = "error('not this one')" })
    host.serve { file = path }
  end)

  it("works in a handler", function()
    local path = with_module("return { Probe = function() return require('late') end }",
      { ["late.lua"] = "return { ready = true }" })
    local client = host.serve({ file = path }):connect()
    assert.is_true(client:call("Probe").ready)
    assert.is_true(client:call("Probe").ready)
  end)

  it("tells what is missing", function()
    local path = with_module("local x\nlocal y = require 'nope.no'\nreturn {}", {})
    local dir = path:match("(.*)/")
    refused(path, {
      { 2, ("module 'nope.no' not found: %s/nope/no.lua: No such file or directory"):format(dir) },
    })
  end)

  it("tells of a module with an error in its own file and line", function()
    local path = with_module("return require 'wrong'", { ["wrong.lua"] = "\n\nlocal = 1" })
    refused(path, { { 0, "^/.*/wrong%.lua:3: <name> expected near '='$" } })
    path = with_module("return require 'raises'", { ["raises.lua"] = "\nerror 'no'" })
    refused(path, { { 0, "^/.*/raises%.lua:2: no$" } })
    path = with_module("return require 'bytecode'", { ["bytecode.lua"] = string.dump(function() end) })
    refused(path, { { 0, "^attempt to load a binary chunk" } })
  end)

  local NAME_WANTED = "bad argument #1 to 'require' "
    .. '(expected a module name such as "checks" or "lib.tcp")'

  it("leaves the script's folder for no name", function()
    for _, name in ipairs {
      "../x", "..x", "/etc/passwd", "a/b", "a..b", ".a", "a.", "", "a b", "*", "csi/../x", ("a"):rep(201),
    } do
      local path = with_module(('require("%s")'):format(name),
        { ["x.lua"] = "error 'left the folder'", ["a.lua"] = "" })
      refused(path, { { 1, NAME_WANTED } })
    end
    local path = with_module("require(nil)", {})
    refused(path, { { 1, "bad argument #1 to 'require' (string expected, got nil)" } })
  end)

  it("takes no name with more behind a NUL", function()
    local path = with_module("require('a\\0b')", { ["a.lua"] = "" })
    refused(path, { { 1, NAME_WANTED } })
  end)

  it("does not give what is inside the binary for itself", function()
    for _, name in ipairs { "defaults", "identity" } do
      refused(with_module(("require '%s'"):format(name), {}), { { 1, "^module '" .. name .. "' not found" } })
    end
  end)

  it("ends for modules that require each other", function()
    local path = with_module("require 'a'", { ["a.lua"] = "require 'b'", ["b.lua"] = "require 'a'" })
    local serve = host.serve_refused { file = path }
    assert.equal(1, serve.code)
    assert.matches("/[ab]%.lua:1: module '[ab]' requires itself", serve.stderr)
  end)
end)

describe("a script", function()
  after_each(clean)

  it("may begin with a line for the shell, and lines are counted with it", function()
    local server = host.serve { script = "#!/usr/bin/luacsi serve\nreturn { Probe = { ready = true } }" }
    assert.is_true(server:connect():call("Probe").ready)
    refused_script("#!/usr/bin/luacsi\nreturn { Prob = {} }",
      { 2, "CSI has no method Prob (did you mean Probe?)" })
    refused_script("#!/usr/bin/luacsi\nerror 'no'", { 2, "no" })
    refused_script("#!/usr/bin/luacsi", { 0, "^expected the script to return a table of handlers" })
  end)

  it("may have line ends of other systems", function()
    local server = host.serve { script = "return {\r\n  Probe = { ready = true }\r\n}\r\n" }
    assert.is_true(server:connect():call("Probe").ready)
    refused_script("return {\r\n  Prob = {}\r\n}\r\n", { 2, "CSI has no method Prob (did you mean Probe?)" })
  end)

  it("may begin with the mark of UTF-8, as for any Lua", function()
    local server = host.serve { script = "\xef\xbb\xbfreturn { Probe = { ready = true } }" }
    assert.is_true(server:connect():call("Probe").ready)
  end)

  it("has defaults for what it leaves out", function()
    local client = host.serve({ script = "return {}", flags = { "--nodeid", "node-7" } }):connect()
    assert.same({ ready = true }, client:call("Probe"))
    assert.same({ node_id = "node-7", max_volumes_per_node = 0 }, client:call("NodeGetInfo"))
    for _, method in ipairs {
      "GetPluginCapabilities", "ControllerGetCapabilities", "GroupControllerGetCapabilities",
        "NodeGetCapabilities",
    } do
      assert.same({ capabilities = {} }, client:call(method))
    end
    for _, method in ipairs { "GetPluginInfo", "CreateVolume", "NodePublishVolume", "GetMetadataDelta" } do
      local reply, code = client:call(method)
      assert.same({ nil, "UNIMPLEMENTED" }, { reply, code })
    end
  end)

  it("replaces the defaults one by one", function()
    local client = host.serve({ script = [[return {
      Probe = function() return { ready = false } end,
      NodeGetInfo = { node_id = "mine" },
    }]] }):connect()
    assert.same({ ready = false }, client:call("Probe"))
    assert.equal("mine", client:call("NodeGetInfo").node_id)
    assert.same({ capabilities = {} }, client:call("GetPluginCapabilities"))
  end)

  it("serves without a name or a version: that is said to the caller, and warned of", function()
    for script, text in pairs {
      ["return { GetPluginInfo = { vendor_version = '1' } }"] = "Driver name not configured",
      ["return { GetPluginInfo = { name = '', vendor_version = '1' } }"] = "Driver name not configured",
      ["return { GetPluginInfo = { name = 'x.example.com' } }"] = "Driver is missing version",
    } do
      local server = host.serve { script = script }
      assert.same({ nil, "UNAVAILABLE", text, n = 3 }, table.pack(server:connect():call("GetPluginInfo")))
      local told = log.matching(server:log(), text)
      assert.same({ "W", "script.lua", 1 }, { told[1].severity, told[1].file, told[1].line })
    end
  end)

  it("is warned that streaming methods do not answer yet", function()
    local server = host.serve { script = "return {\n  GetMetadataDelta = function() end }" }
    local told = log.matching(server:log(), "streaming")
    assert.same({ "W", "script.lua", 2 }, { told[1].severity, told[1].file, told[1].line })
    local reply, code = server:connect():call("GetMetadataDelta")
    assert.same({ nil, "UNIMPLEMENTED" }, { reply, code })
  end)

  it("may answer any unary RPC of the five services", function()
    local client = host.serve({ script = [[return {
      DeleteVolume = {}, NodeStageVolume = function() return {} end,
      GetVolumeGroupSnapshot = function(request)
        local time = "2026-01-02T03:04:05Z"
        return { group_snapshot = {
          group_snapshot_id = request.group_snapshot_id, creation_time = time,
          snapshots = { { snapshot_id = "s", source_volume_id = "v", creation_time = time } },
        } }
      end,
    }]] }):connect()
    assert.same({}, client:call("DeleteVolume", { volume_id = "v" }))
    assert.same({}, client:call("NodeStageVolume", { volume_id = "v" }))
    local reply = assert(client:call("GetVolumeGroupSnapshot", { group_snapshot_id = "g" }))
    assert.same({ "g", "s" }, { reply.group_snapshot.group_snapshot_id,
      reply.group_snapshot.snapshots[1].snapshot_id })
  end)

  it("that never ends loading can be stopped", function()
    local server_process = process.start({ os.getenv("LUACSI") or "build/luacsi", "serve",
      folder.make { ["script.lua"] = "while true do end" } .. "/script.lua" }, { dir = folder.make() })
    server_process:signal("sigterm")
    assert.equal(128 + 15, server_process:wait())
  end)
end)
