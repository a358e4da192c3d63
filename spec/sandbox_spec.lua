-- What of Lua a script has, and what it has not.

local eval = require "spec.support.eval"
local host = require "spec.support.host"
local log = require "spec.support.log"

local server

local function serve_for_block(options)
  setup(function() server = eval.serve(options) end)
  teardown(host.teardown)
end

-- The names in a table of the script's world, sorted, in one string.
local function names(expression)
  return (server:values(([[
    local list = {}
    for name in pairs(%s) do list[#list + 1] = tostring(name) end
    table.sort(list)
    return table.concat(list, " ")]]):format(expression)))
end

-- The code raises, and the message matches.
local function raises(code, pattern)
  local ok, message = server:values(("return pcall(load(%q))"):format(code))
  assert.is_false(ok, code)
  assert.matches(pattern, message, nil, nil, code)
end

describe("a script's world", function()
  serve_for_block()

  it("is this and nothing else", function()
    assert.equal("_G _VERSION assert collectgarbage coroutine error getmetatable ipairs load math next os "
      .. "pairs pcall print rawequal rawget rawlen rawset require select setmetatable string table tonumber "
      .. "tostring type utf8 xpcall",
      names "_G")
    assert.equal("close create isyieldable resume running status wrap yield", names "coroutine")
    assert.equal("clock date difftime time", names "os")
    assert.equal(
      "byte char find format gmatch gsub len lower match pack packsize rep reverse sub unpack upper",
      names "string")
    for _, library in ipairs { "table", "utf8", "math" } do -- as they are
      local list = {}
      for name in pairs(_G[library]) do
        list[#list + 1] = name
      end
      table.sort(list)
      assert.equal(table.concat(list, " "), names(library))
    end
    assert.equal("call check coalesce config connect env every exec fail http json log mounts now " ..
      "pass read readiness reply request run sleep stat store version", names "require('csi')")
    assert.equal("Lua 5.4", (server:values "return _VERSION"))
  end)

  it("has no way to files, processes and the host", function()
    for _, name in ipairs { "io", "debug", "package", "dofile", "loadfile", "warn", "arg", "module",
      "loadstring", "ffi", "jit" } do
      assert.is_nil((server:values(("return %s"):format(name))), name)
    end
    for _, name in ipairs { "execute", "exit", "getenv", "remove", "rename", "setlocale", "tmpname" } do
      assert.is_nil((server:values(("return os.%s"):format(name))), name)
    end
    for _, name in ipairs { "io", "os", "debug", "package", "string", "_G", "table", "coroutine",
      "luacsi" } do
      raises(("require '%s'"):format(name), "module '" .. name .. "' not found: .*No such file")
    end
  end)

  it("tells the time", function()
    local time, utc, clock = server:values "return os.time(), os.date('!%Y', 0), os.clock()"
    assert.is_true(math.abs(time - os.time()) < 60)
    assert.equal("1970", utc)
    assert.is_true(clock >= 0)
    raises("os.date('%Ez')", "invalid conversion specifier")
  end)

  it("has globals of its own, which stay", function()
    server:values "counter = 1"
    assert.equal(2, (server:values "counter = counter + 1 return counter"))
  end)
end)

describe("bytecode", function()
  serve_for_block()

  it("is not loaded in any way", function()
    local bytecode = string.dump(function() end)
    local literal = bytecode:gsub(".", function(byte) return ("\\x%02x"):format(byte:byte()) end)
    for _, mode in ipairs { "", ", 'n'", ", 'n', nil", ", 'n', 't'", ", 'n', 'bt'", ", 'n', 'bt', {}" } do
      local chunk, message = server:values(("return load('%s'%s)"):format(literal, mode))
      assert.is_nil(chunk)
      assert.matches("^attempt to load a binary chunk", message)
    end
    local chunk, message = server:values(([[
      local text = '%s'
      return load(function() local part = text text = nil return part end)]]):format(literal))
    assert.is_nil(chunk)
    assert.matches("^attempt to load a binary chunk", message)
    raises("load('', 'n', 'b')", "only text can be loaded")
  end)

  it("is not made either", function()
    assert.is_nil((server:values "return string.dump"))
    assert.is_nil((server:values "return ('').dump"))
  end)
end)

describe("load", function()
  serve_for_block()

  it("is Lua's own for text", function()
    assert.equal(3, (server:values "return load('return 1 + 2')()"))
    assert.equal(7, (server:values "return load('return x', 'n', 't', { x = 7 })()"))
    assert.is_nil((server:values "return load('return x', 'n', 't', {})()"))
    assert.equal("ab", (server:values [[
      local parts = { "return 'a'", " .. 'b'" }
      return load(function() return table.remove(parts, 1) end)()]]))
    local chunk, message = server:values "return load('return (', '=mine')"
    assert.is_nil(chunk)
    assert.equal("mine:1: unexpected symbol near <eof>", message)
    raises("load()", "bad argument #1 to .*got nil")
    local _, reason = server:values "return load(function() error('in the reader', 0) end)"
    assert.equal("in the reader", reason)
    raises("load('', 'n', {})", "bad argument #3 to 'load'")
  end)

  it("gives nil as the world where that is asked for", function()
    raises("load('return x', 'n', 't', nil)()", "attempt to index a nil value")
  end)
end)

describe("finalizers", function()
  serve_for_block()

  it("are refused where they would be set", function()
    raises("setmetatable({}, { __gc = function() end })", "__gc is not available")
    raises("setmetatable({}, { __gc = false })", "__gc is not available")
    assert.is_table((server:values [[
      return setmetatable({}, setmetatable({}, { __index = { __gc = print } }))]]))
  end)

  it("do not run where they came later", function()
    server:values [[
      local meta = {}
      setmetatable({}, meta)
      meta.__gc = function() finalized = true end
      collectgarbage()]]
    assert.is_nil((server:values "collectgarbage() return finalized"))
  end)
end)

describe("setmetatable", function()
  serve_for_block()

  it("is Lua's own otherwise", function()
    assert.equal(5, (server:values "return setmetatable({}, { __index = { x = 5 } }).x"))
    assert.is_nil((server:values "return getmetatable(setmetatable({}, nil))"))
    assert.equal("mine", (server:values "return getmetatable(setmetatable({}, { __metatable = 'mine' }))"))
    raises("setmetatable(setmetatable({}, { __metatable = 1 }), {})", "cannot change a protected metatable")
    raises("setmetatable(setmetatable({}, { __metatable = false }), {})",
      "cannot change a protected metatable")
    raises("setmetatable('x', {})", "bad argument #1 to 'setmetatable' %(table expected, got string%)")
    raises("setmetatable({}, 5)", "bad argument #2 to 'setmetatable'")
    raises("setmetatable({})", "bad argument #2 to 'setmetatable'")
  end)
end)

describe("what all scripts share", function()
  serve_for_block()

  it("cannot be changed: metatables of strings, replies, statuses and arrays", function()
    assert.is_false((server:values "return getmetatable('')"))
    assert.equal("X", (server:values "return ('x'):upper()"))
    assert.equal("csi.reply", (server:values "return getmetatable(require('csi').reply('Probe', {}))"))
    assert.is_false((server:values "return getmetatable(require('csi').json.array())"))
    raises("setmetatable(require('csi').json.array(), {})", "cannot change a protected metatable")
    raises("require('csi').reply('Probe', {}).x = 1", "attempt to index a csi.reply value")
    raises("setmetatable(require('csi').reply('Probe', {}), {})", "table expected, got csi.reply")
    raises("rawset(require('csi').reply('Probe', {}), 1, 1)", "table expected, got csi.reply")
  end)
end)

describe("collectgarbage", function()
  serve_for_block()

  it("counts and collects, and does not change how the host does it", function()
    assert.equal(0, (server:values "return collectgarbage()"))
    assert.equal(0, (server:values "return collectgarbage('collect')"))
    assert.equal("float", (server:values "return math.type(collectgarbage('count'))"))
    for _, option in ipairs { "stop", "restart", "step", "incremental", "generational", "setpause",
      "isrunning" } do
      raises(("collectgarbage('%s')"):format(option),
        "bad argument #1 to 'collectgarbage' %(invalid option '" .. option .. "'%)")
    end
  end)
end)

describe("print", function()
  serve_for_block { flags = { "--logging-format", "text" } }

  local function printed(code, text)
    server:values(code)
    local found = log.matching(server.server:log(), "^" .. text:gsub("%p", "%%%0") .. "$")
    assert(#found == 1, ("%q, once, is not in\n%s"):format(text, server.server:log()))
    assert.equal("I", found[1].severity)
  end

  it("goes to the log, one line a call", function()
    printed("print('one', 2, nil, true, 1.5)", "one\t2\tnil\ttrue\t1.5")
    printed("print('two\\nlines')", "two\nlines")
    printed("print(setmetatable({}, { __tostring = function() return 'shown' end }))", "shown")
    printed("print('control \\27[31m \"quoted\" \\\\')", 'control \27[31m "quoted" \\')
    printed("print()", "")
  end)

  it("takes anything", function()
    server:values "print(('x'):rep(100000)) print('\\0\\xff') print({}, print, coroutine.create(print))"
    server:values "local many = {} for i = 1, 200 do many[i] = i end print(table.unpack(many))"
    raises("print(setmetatable({}, { __tostring = function() return {} end }))",
      "'__tostring' must return a string")
    raises("print(setmetatable({}, { __tostring = function() error('no', 0) end }))", "no")
  end)

  it("leaves standard output alone", function()
    assert.equal("", server.server.process:stdout())
  end)
end)

describe("a script that changes its world", function()
  after_each(host.teardown)

  it("breaks nothing of the host's", function()
    local client = host.serve({ script = [[
      local csi = require "csi"
      local setmetatable, pairs = setmetatable, pairs
      for _, name in pairs { "error", "tostring", "pairs", "next", "type", "pcall", "require", "rawget" } do
        _G[name] = nil
      end
      string.format, table.concat, string.rep = nil, nil, nil
      csi.fail, csi.reply, csi.json, csi.config = nil, nil, nil, nil
      setmetatable(_G, { __index = function() return nil end, __newindex = function() end })
      local calls = 0
      return {
        Probe = function()
          calls = calls + 1
          if calls == 1 then return nil, "ABORTED", "first" end
          if calls == 2 then local x = nil + 1 end
          return { ready = true }
        end,
      }]] }):connect()
    assert.same({ nil, "ABORTED", "first", n = 3 }, table.pack(client:call("Probe")))
    assert.equal("INTERNAL", (select(2, client:call("Probe"))))
    assert.same({ ready = true }, client:call("Probe"))
    assert.same({ capabilities = {} }, client:call("GetPluginCapabilities"))
  end)
end)
