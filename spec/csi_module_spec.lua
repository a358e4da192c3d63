-- The csi module, function by function, and what a handler is given.

local eval = require "spec.support.eval"
local host = require "spec.support.host"
local log = require "spec.support.log"
local luacsi = require "luacsi"
local process = require "spec.support.process"
local uv = require "luv"

local server

local function serve_for_block(options)
  setup(function() server = eval.serve(options) end)
  teardown(host.teardown)
end

local function values(code, options)
  return server:values("local csi = require 'csi'\n" .. code, options)
end

local function raises(code, pattern)
  local ok, message = values(("return pcall(load(%q))"):format("local csi = require 'csi' " .. code))
  assert.is_false(ok, code)
  assert.matches(pattern, message, nil, nil, code)
end

describe("csi.reply", function()
  serve_for_block()

  it("is the reply of the RPC that it names, as often as it is sent", function()
    local client = host.serve({ script = [[
      local csi = require "csi"
      local ready = csi.reply("Probe", { ready = true })
      return {
        Probe = function() return ready end,
        GetPluginInfo = csi.reply("csi.v1.Identity/GetPluginInfo", {
          name = "x.example.com", vendor_version = "1",
        }),
        NodeGetInfo = function() return csi.reply("/csi.v1.Node/NodeGetInfo", { node_id = "n" }) end,
      }]] }):connect()
    for _ = 1, 3 do
      assert.same({ ready = true }, client:call("Probe"))
      assert.equal("n", client:call("NodeGetInfo").node_id)
      assert.equal("x.example.com", client:call("GetPluginInfo").name)
    end
  end)

  it("keeps what it was when it was made", function()
    assert.same({ {}, n = 1 }, table.pack(server:handler [[
      local t = {}
      local reply = require("csi").reply("DeleteSnapshot", t)
      t.changed = true
      return reply]]))
  end)

  it("says what it is", function()
    assert.equal("csi.reply (ProbeResponse)", (values "return tostring(csi.reply('Probe', {}))"))
  end)

  it("is refused where its call would have failed", function()
    raises("csi.reply('Probe', { ready = 1 })", "ProbeResponse.ready: expected boolean, got number 1$")
    raises("csi.reply('Probe', { redy = true })",
      "ProbeResponse: no field is called \"redy\" %(did you mean ready%?%)$")
  end)

  it("wants an RPC and a table", function()
    raises("csi.reply()", "bad argument #1 to 'reply'")
    raises("csi.reply('Prob', {})", "bad argument #1 to 'reply' %(expected the name of a CSI method")
    raises("csi.reply('', {})", "bad argument #1 to 'reply' %(expected the name of a CSI method")
    raises("csi.reply('Probe')", "bad argument #2 to 'reply' %(table expected, got no value%)")
    raises("csi.reply('Probe', 'x')", "bad argument #2 to 'reply' %(table expected, got string%)")
    raises("csi.reply('Probe', csi.reply('Probe', {}))", "bad argument #2 to 'reply'")
  end)

  it("wants no name with more behind a NUL", function()
    raises("csi.reply('Probe\\0x', {})", "bad argument #1 to 'reply' %(expected the name of a CSI method")
  end)

  it("is collected when nobody holds it", function()
    local before, after = values [[
      collectgarbage()
      local before = collectgarbage("count")
      for _ = 1, 20000 do csi.reply("Probe", { ready = true }) end
      collectgarbage()
      return before, collectgarbage("count")]]
    assert.is_true(after < before + 50)
  end)
end)

-- The last line of the log, with the message; the id of its call is left out.
local function logged(message)
  local pattern = "^" .. message:gsub("%p", "%%%0") .. "$"
  local found = log.matching(server.server:log(), pattern)
  assert(#found > 0, ("no line says %q:\n%s"):format(message, server.server:log()))
  local line = found[#found]
  assert.truthy(line.fields.id)
  line.fields.id = nil
  return line
end

describe("csi.request", function()
  serve_for_block()

  it("is the request as a handler gets it, without secrets", function()
    assert.same({
      name = "v", capacity_range = { required_bytes = 5, limit_bytes = 0 }, volume_capabilities = {},
      parameters = {}, mutable_parameters = {},
    }, (values [[return csi.request("CreateVolume", {
      name = "v", secrets = { key = "hidden" }, capacity_range = { required_bytes = 5.0 },
    })]]))
  end)

  it("raises for what is no request", function()
    raises("csi.request('CreateVolume', { nmae = 'x' })", 'CreateVolumeRequest: no field is called "nmae"')
    raises("csi.request('CreateVolume', { name = 1 })", "CreateVolumeRequest.name: expected string")
    raises("csi.request('Prob', {})", "expected the name of a CSI method")
    raises("csi.request('Probe')", "table expected")
    raises("csi.request({}, {})", "string expected")
  end)
end)

describe("csi.reply with validate", function()
  after_each(host.teardown)

  it("may break a rule, but must convert", function()
    local client = host.serve({ script = [[
      local csi = require "csi"
      local function message_of(...)
        return nil, "ABORTED", select(2, pcall(csi.reply, "Probe", ...))
      end
      return {
        GetPluginInfo = csi.reply("GetPluginInfo", { name = "-bad-" }, { validate = "off" }),
        Probe = function() return message_of({ ready = 1 }, { validate = "off" }) end,
        NodeGetInfo = function() return message_of({}, { validate = "x" }) end,
        GetCapacity = function() return message_of({}, { valid = "off" }) end,
      }]] }):connect()
    assert.equal("-bad-", client:call("GetPluginInfo").name)
    assert.matches("ProbeResponse.ready: expected boolean", select(3, client:call("Probe")))
    assert.matches('validate: expected "off"', select(3, client:call("NodeGetInfo")))
    assert.matches("valid", select(3, client:call("GetCapacity")))
  end)
end)

describe("csi.pass", function()
  setup(function()
    server = host.serve { flags = { "--nodeid", "n1" }, script = [[
      local csi = require "csi"
      return {
        Probe = function() return csi.pass end,
        NodeGetInfo = function(request, context)
          if context.metadata.own then
            return { node_id = "own" }
          end
          csi.sleep(0)
          return csi.pass
        end,
        GetPluginCapabilities = csi.pass,
        GetPluginInfo = csi.pass,
        CreateVolume = csi.coalesce(function() return csi.pass end),
        DeleteVolume = function() return { volume = csi.pass } end,
        CreateSnapshot = function() return "pass" end,
      }]] }
  end)
  teardown(host.teardown)

  it("leaves the answer to the default, also after a wait", function()
    local client = server:connect()
    assert.same({ ready = true }, client:call("Probe"))
    for _ = 1, 3 do
      assert.equal("n1", client:call("NodeGetInfo").node_id)
      assert.equal("own", client:call("NodeGetInfo", {}, { metadata = { own = "1" } }).node_id)
    end
  end)

  it("is the same as no entry where it stands in the table", function()
    local client = server:connect()
    assert.same({ capabilities = {} }, client:call("GetPluginCapabilities"))
    assert.same({ n = 3, nil, "UNIMPLEMENTED", "the script has no handler for this method" },
      table.pack(client:call("GetPluginInfo")))
  end)

  it("is UNIMPLEMENTED where there is no default", function()
    assert.equal("UNIMPLEMENTED", select(2, server:connect():call("CreateVolume", { name = "v" })))
  end)

  it("is asked for on behalf of grpc.health, too", function()
    local result = server:run { "call", "grpc.health.v1.Health/Check", "--json" }
    assert.equal('{"status":"SERVING"}\n', result.stdout, result.stderr)
  end)

  it("counts as a reply only where a reply stands", function()
    local client = server:connect()
    assert.same({ nil, "INTERNAL", 'DeleteVolumeResponse: no field is called "volume"' },
      { client:call("DeleteVolume", {}) })
    assert.same({ nil, "INTERNAL", "CreateSnapshotResponse: expected table, got string \"pass\"" },
      { client:call("CreateSnapshot", {}) })
  end)

  it("is a default to `luacsi check`", function()
    local path = server.dir .. "/passes.lua"
    process.write_file(path, [[
      local csi = require "csi"
      return { GetPluginInfo = function() return csi.pass end, Probe = function() return csi.pass end }]])
    local result = host.run { "check", path }
    assert.equal(0, result.code)
    assert.matches("GetPluginInfo is missing", result.stdout .. result.stderr)
  end)
end)

describe("csi.log", function()
  serve_for_block()

  it("writes a line with the place in the script", function()
    for name, severity in pairs { info = "I", warn = "W", error = "E" } do
      values(("csi.log.%s('says %s')"):format(name, name))
      local line = logged("says " .. name)
      assert.same({ severity, "code", 2, {} }, { line.severity, line.file, line.line, line.fields })
    end
  end)

  it("writes fields: integers as they are, the rest as text", function()
    values [[csi.log.info("has fields", {
      text = "a \"b\" \\ c\nd", number = -7, float = 1.5, yes = true, ["odd key"] = "x",
      shown = setmetatable({}, { __tostring = function() return "as text" end }) })]]
    local fields = logged("has fields").fields
    assert.same({ text = 'a "b" \\ c\nd', number = -7, float = "1.5", yes = "true", ['"odd key"'] = "x",
      shown = "as text" }, fields)
  end)

  it("takes messages of any bytes on one line", function()
    values "csi.log.info('two\\nlines and \\27 \\xff')"
    logged "two\nlines and \27 \xff"
    values "csi.log.info(('x'):rep(100000), { a = ('y'):rep(100000) })"
    local last = server.server:log():match("([^\n]*)\n$")
    assert.is_true(#last <= 4096)
  end)

  it("is quiet about debug below -v=4", function()
    values "csi.log.debug('not to be seen')"
    assert.same({}, log.matching(server.server:log(), "not to be seen"))
  end)

  it("refuses what is no message, or no fields", function()
    raises("csi.log.info()", "bad argument #1 to 'info' %(string expected")
    raises("csi.log.info({})", "bad argument #1 to 'info' %(string expected")
    raises("csi.log.warn('x', 'y')", "bad argument #2 to 'warn' %(table expected")
    raises("csi.log.error('x', { 'y' })", "bad argument #2 to 'error' %(expected strings as keys%)")
    raises("local t = {} for i = 1, 17 do t['k' .. i] = i end csi.log.info('x', t)",
      "expected at most 16 fields")
    raises("csi.log.info('x', { y = setmetatable({}, { __tostring = function() error('no', 0) end }) })",
      "no")
    values "local t = {} for i = 1, 16 do t['k' .. i] = i end csi.log.info('sixteen', t)"
    assert.equal(16, logged("sixteen").fields.k16)
  end)
end)

describe("csi.log at -v=4", function()
  serve_for_block { flags = { "-v=4" } }

  it("writes debug lines", function()
    values "csi.log.debug('to be seen', { n = 1 })"
    local line = logged "to be seen"
    assert.same({ "I", { n = 1 } }, { line.severity, line.fields })
  end)
end)

describe("csi.log as JSON", function()
  serve_for_block { flags = { "--logging-format=json" } }

  local function last_line()
    local text = server.server:log():match("([^\n]*)\n$")
    return assert(luacsi.json.decode(text))
  end

  it("writes an object a line", function()
    values [[csi.log.warn("in \"JSON\"", { text = "a\nb\27", number = 5, yes = true })]]
    local line = last_line()
    assert.is_true(math.abs(line.ts / 1000 - os.time()) < 60)
    line.ts = nil
    assert.same({ caller = "code:2", level = "warn", msg = 'in "JSON"', v = 0, text = "a\nb\27", number = 5,
      yes = "true", id = "1" }, line)
  end)

  it("is valid UTF-8 whatever a script says", function()
    values [[csi.log.info("bad \xff\0", { ["k\xff"] = "\xc0\x80" })]]
    assert.is_table(last_line())
  end)

  it("stays an object when a long line is cut", function()
    values [[csi.log.info("long", { a = ("\n"):rep(5000), b = "lost" })]]
    assert.is_table(last_line())
  end)

  it("has each key once, even where a script names one of the host's", function()
    values [[csi.log.info("mine", { msg = "other", level = "x", ts = 1, v = 2, caller = "me" })]]
    assert.equal("mine", last_line().msg)
  end)
end)

describe("csi.config", function()
  serve_for_block { flags = {
    "--set", "pool=rbd", "--set=empty=", "--set", "equals=a=b", "--set", "twice=1", "--set", "twice=2",
      "--set", "odd key.x=ü",
    "--nodeid", "node-1",
  } }

  it("has the settings as strings, and the node's name", function()
    local config = values "return csi.config"
    assert.same({ pool = "rbd", empty = "", equals = "a=b", twice = "2", ["odd key.x"] = "ü",
      nodeid = "node-1" }, config)
  end)

  it("has nothing of what was not set", function()
    assert.is_nil((values "return csi.config.name"))
  end)
end)

describe("csi.config.nodeid", function()
  after_each(host.teardown)

  local function nodeid(options)
    server = eval.serve(options)
    return (values "return csi.config.nodeid")
  end

  it("is the flag's, else the environment's, else the host's name", function()
    assert.equal(uv.os_gethostname(), nodeid {})
    assert.equal("kube", nodeid { env = { KUBE_NODE_NAME = "kube" } })
    assert.equal("own", nodeid { env = { KUBE_NODE_NAME = "kube", LUACSI_NODEID = "own" } })
    assert.equal("flag", nodeid { env = { KUBE_NODE_NAME = "kube", LUACSI_NODEID = "own" },
      flags = { "--nodeid=flag" } })
  end)

  it("comes from the environment like the settings", function()
    server = eval.serve { env = { LUACSI_SET = "a=1,b=x y,c=" } }
    local config = values "return csi.config"
    assert.same({ "1", "x y", "" }, { config.a, config.b, config.c })
  end)
end)

describe("csi.now", function()
  serve_for_block()

  it("is the time in seconds with fractions, which goes on", function()
    local first, second, kind = values [[
      local a, b = csi.now()
      repeat b = csi.now() until b > a
      return a, b, math.type(a)]]
    assert.is_true(math.abs(first - os.time()) < 60)
    assert.is_true(second > first and second - first < 1)
    assert.equal("float", kind)
  end)
end)

describe("files", function()
  local dir

  setup(function()
    server = eval.serve { flags = { "--allow-read=/" } }
    dir = server.server.dir .. "/files"
    assert(uv.fs_mkdir(dir, 493))
    process.write_file(dir .. "/text", "one\ntwo\0\xff")
    process.write_file(dir .. "/empty", "")
    process.write_file(dir .. "/limit", ("x"):rep(1 << 20))
    process.write_file(dir .. "/above", ("x"):rep((1 << 20) + 1))
    assert(uv.fs_symlink(dir .. "/text", dir .. "/link"))
    assert(uv.fs_symlink(dir .. "/nowhere", dir .. "/dangling"))
    assert(uv.fs_symlink(dir .. "/loop", dir .. "/loop"))
    assert(os.execute("mkfifo " .. dir .. "/fifo"))
    assert(uv.fs_chmod(dir .. "/text", 416)) -- 0640
  end)
  teardown(host.teardown)

  local function read(name)
    return values(("local text, message, code = csi.read(%q) return text and #text, message, code"):format(dir
      .. "/" .. name))
  end

  local function fails(reason, code, ...)
    local result, message, got = ...
    assert.same({ nil, code }, { result, got })
    assert(message:find(reason, 1, true), message)
  end

  it("are read by csi.read up to 1 MiB", function()
    assert.is_true((values(("return csi.read(%q) == 'one\\ntwo\\0\\xff'"):format(dir .. "/text"))))
    assert.equal(0, (read "empty"))
    assert.equal(9, (read "link"))
    assert.equal(1 << 20, (read "limit"))
    fails("expected at most 1048576 bytes", "RESOURCE_EXHAUSTED", read "above")
  end)

  it("give nil, message and code where csi.read cannot", function()
    fails(dir .. "/missing: No such file or directory", "NOT_FOUND", read "missing")
    fails(dir .. "/dangling: No such file or directory", "NOT_FOUND", read "dangling")
    fails(dir .. "/text/below: Not a directory", "NOT_FOUND", read "text/below")
    fails(dir .. "/.: expected a regular file, got a directory", "FAILED_PRECONDITION", read ".")
    fails(dir .. "/fifo: expected a regular file, got a special file", "FAILED_PRECONDITION", read "fifo")
    fails("/dev/zero: expected a regular file", "FAILED_PRECONDITION", values "return csi.read('/dev/zero')")
    raises(("csi.read(%q)"):format(dir .. "/loop"), "loop: too many symbolic links") -- not to be allowed
  end)

  it("that grow while they are read do no harm: what /proc says has no size", function()
    local text = values "return (csi.read('/proc/self/status'))"
    assert.matches("^Name:%s+", text)
  end)

  it("are described by csi.stat", function()
    local stat = values(("return csi.stat(%q)"):format(dir .. "/text"))
    assert.same({ "file", 9, 416 }, { stat.type, stat.size, stat.mode })
    assert.is_true(math.abs(stat.mtime - os.time()) < 60)
    local function kind(path)
      return values(("return csi.stat(%q).type"):format(path))
    end
    assert.equal("file", kind(dir .. "/link"))
    assert.equal("directory", kind(dir))
    assert.equal("fifo", kind(dir .. "/fifo"))
    assert.equal("socket", kind(server.server.socket))
    assert.equal("char", kind "/dev/null")
  end)

  it("give nil, message and code where csi.stat cannot", function()
    fails(dir .. "/missing: No such file or directory", "NOT_FOUND",
      values(("return csi.stat(%q)"):format(dir .. "/missing")))
    fails(dir .. "/dangling: No such file", "NOT_FOUND",
      values(("return csi.stat(%q)"):format(dir .. "/dangling")))
    fails("File name too long", "INVALID_ARGUMENT", values "return csi.stat('/' .. ('x'):rep(300))")
  end)

  it("have names without NUL", function()
    for _, name in ipairs { "read", "stat" } do
      raises(("csi.%s('/dev\\0/null')"):format(name), "bad argument #1 to '" .. name .. "' %(expected a path")
      raises(("csi.%s('')"):format(name), "bad argument #1 to '" .. name .. "' %(expected a path")
      raises(("csi.%s()"):format(name), "bad argument #1 to '" .. name .. "' %(string expected")
      raises(("csi.%s({})"):format(name), "bad argument #1 to '" .. name .. "' %(string expected")
    end
  end)

  it("may be read by many calls without using up the memory of one", function()
    for _ = 1, 100 do
      assert.equal(1 << 20, (read "limit"))
    end
  end)
end)

describe("csi.json", function()
  serve_for_block { flags = { "--allow-read=/" } }

  local function encodes(expression, text)
    assert.equal(text, (values(("return csi.json.encode(%s)"):format(expression))))
  end

  it("writes values", function()
    encodes("true", "true")
    encodes("csi.json.null", "null")
    encodes("12", "12")
    encodes("math.mininteger", "-9223372036854775808")
    encodes("1.0", "1.0")
    encodes("0.1", "0.1")
    encodes("1e300", "1e+300")
    encodes("'a\"\\\\\\n\\0é'", '"a\\"\\\\\\n\\u0000é"')
    encodes("{ b = 1, a = { 1, 2, { c = true } } }", '{"a":[1,2,{"c":true}],"b":1}')
    encodes("{}", "{}")
    encodes("csi.json.array()", "[]")
    encodes("csi.json.array({})", "[]")
    encodes("{ 1 }, { indent = 2 }", "[\n  1\n]")
  end)

  it("refuses what JSON does not hold, with the place", function()
    raises("csi.json.encode({ a = { 1, print } })",
      "value%.a%[2%]: expected a value that JSON knows, got function")
    raises("csi.json.encode(0 / 0)", "value: expected a finite number")
    raises("csi.json.encode({ 1, nil, 3 })", "value: expected a list without holes")
    raises("csi.json.encode({ 1, a = 2 })", "value: expected a list or named keys, got both")
    raises("csi.json.encode('\\xff')", "value: expected valid UTF%-8")
    raises("local t = {} t.t = t csi.json.encode(t)", "nested too deep, or a cycle")
    raises("csi.json.encode()", "bad argument #1 to 'encode'")
    raises("csi.json.encode({}, { indnt = 2 })", "the only option is indent")
  end)

  it("reads texts, and tells what is wrong in them", function()
    assert.same({ a = { 1, 2.5, "x" }, b = { c = true } },
      (values [[return csi.json.decode('{"a": [1, 2.5, "x"], "b": {"c": true}}')]]))
    assert.same({ "integer", "float", "integer" }, { values [[
      local list = csi.json.decode("[9223372036854775807, 1.0, -1]")
      return math.type(list[1]), math.type(list[2]), math.type(list[3])]] })
    assert.is_true((values "return csi.json.decode('null') == csi.json.null"))
    for text, reason in pairs {
      ["{"] = "^line 1, column 1: ", ["[1,]"] = "^line 1, column %d+: ",
        ["{\n\"a\":1,\n\"a\":2}"] = "^line 3, column %d+: duplicate",
      ["[99999999999999999999]"] = "^line 1, ", [""] = "^line 1, ", ["1 2"] = "^line 1, ",
        ["nan"] = "^line 1, ",
    } do
      local value, message = values(("return csi.json.decode(%q)"):format(text))
      assert.is_nil(value)
      assert.matches(reason, message)
    end
  end)

  it("has an end to depth, both ways", function()
    local value, message = values "return csi.json.decode(('['):rep(101) .. (']'):rep(101))"
    assert.is_nil(value)
    assert.matches("nested deeper than 100 levels", message)
    value, message = values "return csi.json.decode(('['):rep(1000000))"
    assert.is_nil(value)
    assert.is_string(message)
    assert.equal(200, (values "return #csi.json.encode(csi.json.decode(('['):rep(100) .. (']'):rep(100)))"))
  end)
end)

describe("the context", function()
  serve_for_block()

  it("has the method, the peer and an id for each call", function()
    local first = values "local _, context = ... return context"
    local second = values "local _, context = ... return context"
    assert.equal("CreateVolume", first.method)
    assert.matches("^unix:", first.peer)
    assert.is_string(first.id)
    assert.not_equal(first.id, second.id)
    assert.is_table(first.metadata)
  end)

  it("has the metadata of the call", function()
    local context, length, same = values([[
      local _, context = ...
      local binary = context.metadata["data-bin"]
      context.metadata["data-bin"] = nil
      return context, #binary, binary == "\0\1\xff"]],
      { metadata = { ["x-one"] = "1", ["x-two"] = "a b, c", ["data-bin"] = "\0\1\xff" } })
    assert.same({ "1", "a b, c" }, { context.metadata["x-one"], context.metadata["x-two"] })
    assert.same({ 3, true }, { length, same })
  end)

  it("has the deadline on the clock of csi.now", function()
    local left = values("local _, context = ... return context.deadline - csi.now()", { timeout = 5 })
    assert(left > 3 and left < 5.1, left) -- gRPC rounds up a little
  end)

  it("is its call's own", function()
    assert.equal("DeleteSnapshot", (function()
      server:handler "kept = select(2, ...) kept.method = 'mine' return {}"
      server:handler "other = select(2, ...) return {}"
      return (values "return other.method")
    end)())
  end)
end)

describe("a handler", function()
  after_each(host.teardown)

  it("gets what it has parameters for", function()
    local client = host.serve({ script = [[
      return {
        Probe = function(...) assert(select("#", ...) == 2) return {} end,
        NodeGetInfo = function(request) assert(next(request) == nil) return { node_id = "n" } end,
        DeleteVolume = function(_, context) assert(context.method == "DeleteVolume") return {} end,
        GetCapacity = function() return { available_capacity = 7 } end,
        NodeGetCapabilities = setmetatable({}, { __call = error }),
      }]] }):connect()
    assert.same({}, client:call("Probe"))
    assert.equal("n", client:call("NodeGetInfo").node_id)
    assert.same({}, client:call("DeleteVolume"))
    assert.equal(7, client:call("GetCapacity").available_capacity)
    assert.same({ capabilities = {} }, client:call("NodeGetCapabilities"))
  end)

  it("gets the whole request, defaults and all", function()
    local client = host.serve({ flags = { "--validate=off" }, script = [[
      local json = require("csi").json
      return {
        CreateVolume = function(request) return { volume = { volume_id = json.encode(request) } } end,
      }]] }):connect()
    local function seen(request)
      return assert(luacsi.json.decode(client:call("CreateVolume", request).volume.volume_id))
    end
    assert.same({ name = "", volume_capabilities = {}, parameters = {}, secrets = {},
      mutable_parameters = {} }, seen {})
    local request = {
      name = "pvc-1", capacity_range = { required_bytes = 1 << 40, limit_bytes = 0 },
        parameters = { pool = "rbd" },
      volume_capabilities = { { mount = { fs_type = "ext4", mount_flags = { "ro" }, volume_mount_group = "" },
        access_mode = { mode = "SINGLE_NODE_WRITER" } } },
      secrets = { user = "u" }, volume_content_source = { snapshot = { snapshot_id = "s" } },
      accessibility_requirements = { requisite = { { segments = { zone = "z" } } }, preferred = {} },
        mutable_parameters = {},
    }
    assert.same(request, seen(request))
  end)
end)
