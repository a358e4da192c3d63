-- Whatever a handler does wrong: its caller gets one status with a short text, the log the traceback, and
-- the next call is answered as if nothing had been.

local eval = require "spec.support.eval"
local host = require "spec.support.host"
local log = require "spec.support.log"

local server

local function serve_for_block(flags)
  setup(function() server = eval.serve { flags = flags } end)
  teardown(host.teardown)
end

local function works()
  assert.same({}, server:handler "return {}")
end

-- A handler with this body ends in code and message (a pattern); afterwards all is well.
local function ends_in(body, wanted_code, pattern)
  local reply, code, message = server:handler(body)
  assert.same({ nil, wanted_code }, { reply, code }, body .. ": " .. tostring(message))
  assert.matches(pattern, message, nil, nil, body)
  assert.is_nil(message:find("\n"), "more than one line: " .. message)
  assert.is_nil(message:find("traceback"), message)
  assert.is_truthy(utf8.len(message))
  works()
end

local function fails(body, pattern)
  ends_in(body, "INTERNAL", "^DeleteSnapshot: the script failed: " .. pattern)
end

local CANNOT_BE_SHOWN = "an error object that cannot be shown$"
local MESSAGE_WANTED = ".*bad argument #2 to 'fail' "
  .. "%(expected a message of 1 to 1024 bytes that says why, in UTF%-8, without NUL%)$"
local RETURN_WANTED = "^DeleteSnapshot: expected the handler to return a table or nil, code, message$"

describe("a handler that raises", function()
  serve_for_block()

  it("a string", function()
    fails("error 'boom'", "code:1: boom$")
    fails("error('boom', 0)", "boom$")
    fails("local x\nreturn x.y", "code:2: attempt to index a nil value %(local 'x'%)$")
    fails("return 1 + {}", "code:1: attempt to perform arithmetic on a table value$")
    fails("assert(false)", "code:1: assertion failed!$")
    fails("assert(nil, 'no such thing')", ".*no such thing$")
    fails("error('', 0)", "$")
  end)

  it("a number, a boolean, nothing at all", function()
    fails("error(42)", "42$")
    fails("error(true)", "true$")
    fails("error(nil)", "nil$")
    fails("error()", "nil$")
  end)

  it("text that is long, of many lines or no UTF-8", function()
    fails("error('one\\ntwo\\nthree', 0)", "one$")
    fails("error(('x'):rep(100000), 0)", "x+$")
    fails("error(('é'):rep(1000), 0)", "[é]+$")
    fails("error('bad \\xff\\xfe', 0)", ".*UTF%-8$")
    fails("error('nul \\0 in it', 0)", "nul ")
    local _, _, message = server:handler "error(('x'):rep(100000), 0)"
    assert.is_true(#message < 400)
  end)

  it("a table", function()
    fails("error({})", "table: ")
    fails("error({ code = 'NOT_FOUND', message = 'only looks like a status' })", "table: ")
    fails("local t = {} t.t = t t[t] = t error(t)", "table: ")
    fails("error(setmetatable({}, { __name = 'my.fault' }))", "my.fault: ")
    fails("error(setmetatable({}, { __tostring = function() return 'my fault' end }))", "my fault$")
    fails("error(setmetatable({}, { __index = function() error 'trap' end }))", "table: ")
    fails("error(setmetatable({}, { __metatable = 'locked' }))", "table: ")
  end)

  it("a function, a coroutine, a userdata", function()
    fails("error(print)", "function: ")
    fails("error(coroutine.create(print))", "thread: ")
    fails("error(require('csi').reply('Probe', {}))", "csi.reply %(ProbeResponse%)$")
    fails("error(require('csi').json.null)", "userdata: ")
  end)

  it("an object that cannot be shown", function()
    fails("error(setmetatable({}, { __tostring = function() error 'again' end }))", CANNOT_BE_SHOWN)
    fails("error(setmetatable({}, { __tostring = function() error() end }))", CANNOT_BE_SHOWN)
    fails("error(setmetatable({}, { __tostring = function() return {} end }))", CANNOT_BE_SHOWN)
    fails("error(setmetatable({}, { __tostring = function() end }))", CANNOT_BE_SHOWN)
    fails("error(setmetatable({}, { __tostring = 'no function' }))", CANNOT_BE_SHOWN)
    fails("error(setmetatable({}, { __tostring = function(self) return tostring(self) end }))",
      CANNOT_BE_SHOWN)
    fails("error(setmetatable({}, { __tostring = function() coroutine.yield() end }))", CANNOT_BE_SHOWN)
    fails("error(setmetatable({}, { __tostring = function() require('csi').fail('ABORTED', 'x') end }))",
      CANNOT_BE_SHOWN)
    fails("error(setmetatable({}, { __tostring = function() return ('x'):rep(1 << 30) end }))",
      CANNOT_BE_SHOWN)
  end)

  it("in another function, coroutine or metamethod", function()
    fails("local function f() error 'deep' end\nlocal function g() f() end\ng()", "code:1: deep$")
    fails("coroutine.wrap(function() error 'in a coroutine' end)()", ".*in a coroutine$")
    fails("coroutine.wrap(function() coroutine.wrap(function() error('two deep', 0) end)() end)()",
      ".*two deep$")
    fails("table.sort({ 3, 1, 2 }, function() error('compare', 0) end)", "compare$")
    fails("return ('x'):gsub('x', function() error('replace', 0) end)", "replace$")
    fails("for _ in pairs(setmetatable({}, { __pairs = function() error('pairs', 0) end })) do end", "pairs$")
    fails("return setmetatable({}, { __index = function() error('index', 0) end }).x", "index$")
  end)

  it("with variables to close, which are closed", function()
    fails([[
      closed = 0
      local function close() closed = closed + 1 end
      local function close_and_raise() close() error('in close', 0) end
      local a <close> = setmetatable({}, { __close = close })
      local b <close> = setmetatable({}, { __close = close_and_raise })
      error('first', 0)]], "")
    assert.equal(2, (server:values "return closed"))
  end)

  it("after it caught errors of its own", function()
    for _, caught in ipairs {
      "pcall(error)", "pcall(error, setmetatable({}, { __tostring = error }))", "xpcall(error, error)",
      "select(2, xpcall(error, function() return false end))",
    } do
      assert.same({}, server:handler(("assert(not %s) return {}"):format(caught)))
    end
    fails("local _, e = pcall(error, 'caught', 0) error(e, 0)", "caught$")
  end)
end)

describe("the log", function()
  serve_for_block()

  it("has the traceback, once, with the method", function()
    fails("local function inner() error 'to be traced' end\nlocal function outer() inner() end\nouter()", "")
    local told = log.matching(server.server:log(), "to be traced\nstack traceback:")
    assert.equal(1, #told)
    assert.same({ "E", "DeleteSnapshot" }, { told[1].severity, told[1].fields.method })
    assert.matches("in upvalue 'inner'.*in local 'outer'", told[1].fields.error)
  end)

  it("has it for errors without text, too", function()
    fails("error()", "")
    local told = log.matching(server.server:log(), "^nil\nstack traceback:")
    assert.equal("DeleteSnapshot", told[1].fields.method)
  end)

  it("has no traceback for a status that was meant", function()
    ends_in("require('csi').fail('NOT_FOUND', 'meant')", "NOT_FOUND", "^meant$")
    for _, line in ipairs(log.matching(server.server:log(), "meant")) do
      assert.is_nil(tostring(line.fields.error):find("traceback"))
    end
  end)
end)

describe("csi.fail", function()
  serve_for_block()

  local CODES = {
    "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
    "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
  }

  it("ends in the status with that name or number, and that text", function()
    for number, name in ipairs(CODES) do
      ends_in(("require('csi').fail('%s', 'by name')"):format(name), name, "^by name$")
      ends_in(("require('csi').fail(%d, 'by number')"):format(number), name, "^by number$")
      ends_in(("return nil, '%s', 'returned'"):format(name), name, "^returned$")
      ends_in(("return nil, %d, 'returned'"):format(number), name, "^returned$")
    end
  end)

  it("keeps the text as it is", function()
    local text = "größer als 100 % – \"quoted\" \\ 'single' \t tab"
    local _, code, message = server:handler(("require('csi').fail('ABORTED', %q)"):format(text))
    assert.same({ "ABORTED", text }, { code, message })
    _, code, message = server:handler "require('csi').fail('ABORTED', 'one\\ntwo')"
    assert.same({ "ABORTED", "one\ntwo" }, { code, message })
  end)

  it("passes through pcall, error and coroutines", function()
    ends_in("local _, e = pcall(require('csi').fail, 'NOT_FOUND', 'caught') error(e)", "NOT_FOUND",
      "^caught$")
    ends_in("local _, e = pcall(require('csi').fail, 'NOT_FOUND', 'caught') error(e, 2)", "NOT_FOUND",
      "^caught$")
    ends_in("coroutine.wrap(function() require('csi').fail('NOT_FOUND', 'wrapped') end)()", "NOT_FOUND",
      "^wrapped$")
    ends_in("local _, e = coroutine.resume(coroutine.create(require('csi').fail), 'NOT_FOUND', 'x') error(e)",
      "NOT_FOUND", "^x$")
    ends_in("table.sort({ 2, 1 }, function() require('csi').fail('ABORTED', 'sorted') end)", "ABORTED",
      "^sorted$")
    ends_in("local _, e = xpcall(require('csi').fail, function(e) return e end, 5, 'x') error(e)",
      "NOT_FOUND", "^x$")
  end)

  it("gives pcall a table with code and message", function()
    assert.same({ "NOT_FOUND", "gone", "NOT_FOUND: gone", "csi.status" }, { server:values [[
      local _, e = pcall(require("csi").fail, 5, "gone")
      return e.code, e.message, tostring(e), getmetatable(e)]] })
  end)

  it("lets the table be changed, as long as it stays a status", function()
    ends_in("local _, e = pcall(require('csi').fail, 'NOT_FOUND', 'x') e.code = 'ABORTED' error(e)",
      "ABORTED", "^x$")
    ends_in("local _, e = pcall(require('csi').fail, 'NOT_FOUND', 'x') e.message = 'y' e.code = 14 error(e)",
      "UNAVAILABLE", "^y$")
    for _, change in ipairs {
      "e.code = nil", "e.code = 'OK'", "e.code = 0", "e.code = 99", "e.code = {}", "e.message = nil",
        "e.message = 5", "e.message = {}",
    } do
      fails(("local _, e = pcall(require('csi').fail, 'NOT_FOUND', 'x') %s error(e)"):format(change),
        "status that a script changed$")
    end
    fails("local _, e = pcall(require('csi').fail, 'NOT_FOUND', 'x') setmetatable(e, {})",
      ".*protected metatable$")
  end)

  it("is INTERNAL when it is called wrongly, and says how", function()
    local code_wanted = ".*bad argument #1 to 'fail' "
      .. "%(expected the name or number of a gRPC status other than OK%)$"
    for _, arguments in ipairs {
      "", "nil, 'x'", "'x'", "'NO_SUCH_CODE', 'x'", "'not_found', 'x'", "'OK', 'x'", "0, 'x'", "17, 'x'",
        "-1, 'x'", "1.5, 'x'",
      "'5', 'x'", "'', 'x'", "true, 'x'", "{}, 'x'", "'NOT_FOUND ', 'x'", "'NOT_FOUND\\0', 'x'",
        "1 << 32 | 5, 'x'",
    } do
      fails(("require('csi').fail(%s)"):format(arguments), code_wanted)
    end
    for _, message in ipairs { "", ", nil", ", 5", ", {}", ", true" } do
      fails(("require('csi').fail('NOT_FOUND'%s)"):format(message),
        ".*bad argument #2 to 'fail' %(string expected, got ")
    end
    fails("require('csi').fail('NOT_FOUND', '')", MESSAGE_WANTED)
  end)
end)

describe("the text of a status", function()
  serve_for_block()

  it("is at most 1024 bytes, which reach the caller as they are", function()
    for _, text in ipairs { "x", ("x"):rep(1024), ("é"):rep(512), ("€"):rep(341), "\1\31\127" } do
      for _, way in ipairs { "require('csi').fail('NOT_FOUND', %q)", "return nil, 'NOT_FOUND', %q" } do
        local reply, code, message = server:handler(way:format(text))
        assert.same({ nil, "NOT_FOUND", text, n = 3 }, table.pack(reply, code, message))
      end
    end
    works()
  end)

  it("is refused when it is longer, empty, with NUL or no UTF-8", function()
    for _, text in ipairs { "''", "('x'):rep(1025)", "('é'):rep(513)", "('x'):rep(1 << 20)", "'cut\\0here'",
      "'bad \\xff'", "'\\xed\\xa0\\x80'" } do
      fails(("require('csi').fail('NOT_FOUND', %s)"):format(text), MESSAGE_WANTED)
      ends_in(("return nil, 'NOT_FOUND', %s"):format(text), "INTERNAL", RETURN_WANTED)
    end
  end)
end)

describe("a handler that returns", function()
  serve_for_block()

  it("nothing, or a failure that is none", function()
    for _, results in ipairs {
      "", "nil", "nil, nil, nil", "nil, 'NOT_FOUND'", "nil, 'NOT_FOUND', nil", "nil, 'NOT_FOUND', 5",
        "nil, 'NOT_FOUND', {}",
      "nil, 'NO_SUCH_CODE', 'x'", "nil, 'OK', 'x'", "nil, 0, 'x'", "nil, 17, 'x'", "nil, 1.5, 'x'",
        "nil, '5', 'x'", "nil, {}, 'x'",
      "nil, 'a message alone'",
    } do
      ends_in("return " .. results, "INTERNAL", RETURN_WANTED)
    end
  end)

  it("what is no table", function()
    for value, shown in pairs {
      ["false"] = "boolean false", ["true"] = "boolean true", ["5"] = "number 5", ["'x'"] = 'string "x"',
        ["print"] = "function",
      ["coroutine.create(print)"] = "thread", ["require('csi').json.null"] = "userdata",
    } do
      ends_in("return " .. value, "INTERNAL", "^DeleteSnapshotResponse: expected table, got " .. shown .. "$")
    end
  end)

  it("a table that is no reply", function()
    ends_in("return { ready = true }", "INTERNAL", '^DeleteSnapshotResponse: no field is called "ready"$')
    ends_in("local t = {} t.t = t return t", "INTERNAL", '^DeleteSnapshotResponse: no field is called "t"$')
  end)

  it("the prepared reply of another RPC", function()
    ends_in("return require('csi').reply('Probe', {})", "INTERNAL",
      "^DeleteSnapshot: expected a reply to DeleteSnapshot, got one that is ProbeResponse$")
  end)

  it("more than it has to", function()
    assert.same({}, server:handler "return {}, 'NOT_FOUND', 'not looked at'")
    assert.same({}, server:handler "return {}, nil, nil, nil, nil")
    ends_in("return nil, 'NOT_FOUND', 'looked at', 'not', {}", "NOT_FOUND", "^looked at$")
  end)

  it("from a tail call or a metamethod", function()
    assert.same({}, server:handler "return (function() return {} end)()")
    assert.same({}, server:handler "return setmetatable({}, { __call = function() return {} end })()")
    assert.same({}, server:handler "return setmetatable({}, { __index = error, __pairs = error })")
  end)
end)

describe("a handler and coroutines", function()
  serve_for_block()

  it("cannot yield: nobody waits for that", function()
    fails("coroutine.yield()", ".*attempt to yield from outside a coroutine$")
    fails("coroutine.yield({})", ".*attempt to yield from outside a coroutine$")
    fails("table.sort({ 2, 1 }, coroutine.yield)", ".*attempt to yield")
    assert.same({}, server:handler "assert(not pcall(coroutine.yield)) return {}")
  end)

  it("uses coroutines of its own", function()
    assert.equal(6, (server:values [[
      local sum = 0
      for n in coroutine.wrap(function() for n = 1, 3 do coroutine.yield(n) end end) do sum = sum + n end
      return sum]]))
    assert.is_false(server:values "return (coroutine.resume(coroutine.create(error)))")
  end)

  it("cannot reach into the coroutine of a call", function()
    assert.same({}, server:handler [[
      mine = coroutine.running()
      assert(not pcall(coroutine.close, mine))
      return {}]])
    assert.same({}, server:handler "assert(not coroutine.resume(coroutine.running())) return {}")
    assert.same({}, server:handler [[
      local running = coroutine.running()
      coroutine.wrap(function() assert(not coroutine.resume(running)) end)()
      assert(not coroutine.wrap(pcall)(coroutine.close, running))
      return {}]])
    server:handler "coroutine.resume(mine) pcall(coroutine.close, mine) return {}"
    server:handler "return coroutine.wrap(function() return coroutine.resume(mine) end)()"
    works()
  end)

  it("may leave coroutines behind that never end", function()
    for _ = 1, 20 do
      assert.same({}, server:handler [[
        local function wait()
          local open <close> = setmetatable({}, { __close = error })
          coroutine.yield()
        end
        for i = 1, 50 do coroutine.wrap(wait)() end
        return {}]])
    end
    works()
  end)
end)

describe("a handler that uses up", function()
  serve_for_block { "--handler-cpu=30s", "--handler-timeout=60s" } -- what is used up here is not time

  it("the stack", function()
    fails("local function f(a, b, c) local d = f(a, b, c) return d end return f(1, 2, 3)", ".*stack overflow")
    assert.same({}, server:handler "local function f() return 1 + f() end assert(not pcall(f)) return {}")
  end)

  it("the stack of C", function()
    fails("local function f() return (('x'):gsub('x', f)) end return f()", ".*stack overflow")
    fails("local t = {} setmetatable(t, { __index = function() return t.x end }) return t.x",
      ".*stack overflow")
    fails("local function f(...) return select('#', ...) > 0 and coroutine.wrap(f)(...) end return f(1)",
      "code:1: ")
    fails("return load(('('):rep(1000) .. '1' .. (')'):rep(1000)) or error('not compiled', 0)",
      "not compiled$")
  end)

  it("its memory: RESOURCE_EXHAUSTED", function()
    local text = "^the script ran out of memory$"
    ends_in("return ('x'):rep(1 << 30)", "RESOURCE_EXHAUSTED", text)
    ends_in("local t = {} while true do t[#t + 1] = ('x'):rep(1 << 20) .. #t end", "RESOURCE_EXHAUSTED", text)
    ends_in("local t = {} for i = 1, 1 << 30 do t[i] = i end", "RESOURCE_EXHAUSTED", text)
    ends_in("local s = 'x' while true do s = s .. s end", "RESOURCE_EXHAUSTED", text)
    assert.same({}, server:handler "assert(not pcall(string.rep, 'x', 1 << 30)) return {}")
    local told = log.matching(server.server:log(), "ran out of memory")
    assert.equal("E", told[1].severity)
  end)

  it("what Lua can count", function()
    fails("return ('x'):rep(1 << 62, 'yy')", ".*resulting string too large$")
    fails("return table.unpack({}, 1, 1 << 40)", ".*too many results to unpack$")
    fails("return table.concat({}, 'x', 1, 2)", ".*invalid value")
  end)

  it("its luck, a thousand times", function()
    local before = server:values "collectgarbage() return collectgarbage('count')"
    for _ = 1, 250 do
      for _, body in ipairs { "error()", "error({})", "return 5", "require('csi').fail(5, 'x')" } do
        assert.is_nil((server:handler(body)))
      end
    end
    local after = server:values "collectgarbage() return collectgarbage('count')"
    assert.is_true(after < before + 100, ("%.0f KiB, then %.0f"):format(before, after))
  end)
end)
