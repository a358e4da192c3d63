-- luacsi repl: expressions in the sandbox of a script, from a pipe and from a terminal.

local folder = require "spec.support.folder"
local host = require "spec.support.host"
local process = require "spec.support.process"
local terminal = require "spec.support.terminal"
local uv = require "luv"

local SCRIPT = [[
  local csi = require "csi"
  counter = 0
  csi.every(0.01, function() counter = counter + 1 end)
  return {
    GetPluginInfo = { name = "repl.example.com", vendor_version = "1", manifest = { a = "1" } },
    Probe = function(request, context)
      csi.sleep(0.001)
      return { ready = context.metadata.ready == "yes" }
    end,
    CreateVolume = function(request)
      return { volume = { volume_id = request.name, capacity_bytes = request.capacity_range.required_bytes } }
    end,
    DeleteVolume = function() csi.fail("ABORTED", "not now") end,
    NodeGetInfo = function() return csi.pass end,
  }
]]

-- Runs the lines; flags may be given.
local function repl(lines, flags)
  local dir = folder.make { ["script.lua"] = SCRIPT }
  local arguments = table.move(flags or {}, 1, #(flags or {}), 3, { "repl", dir .. "/script.lua" })
  return host.run(arguments, { stdin = lines })
end

local function shows(expected, lines, flags)
  assert.same({ code = 0, stdout = expected, stderr = "" }, repl(lines, flags))
end

local function fails(message, lines, flags)
  local result = repl(lines, flags)
  assert.equal(1, result.code)
  assert.truthy(("\n" .. result.stderr):find("\nluacsi repl: " .. message, 1, true), result.stderr)
  return result
end

describe("luacsi repl, from a pipe,", function()
  after_each(host.teardown)
  after_each(folder.remove_all)

  it("shows values as Lua writes them", function()
    shows("2\n", "1 + 1\n")
    shows('"a\\n\\x00\\"", nil, true, 1.5\n', '"a\\n\\0\\"", nil, true, 1.5')
    shows('{ 1, 2, ["a b"] = {}, ["end"] = false, x = { y = "z" } }\n',
      '{ 1, 2, x = { y = "z" }, ["a b"] = {}, ["end"] = false }\n')
    local long = ('"%s"'):format(("x"):rep(60))
    shows(("{\n  %s,\n  %s,\n}\n"):format(long, long), ("{ %s, %s }\n"):format(long, long))
    shows("", "\n   \n-- nothing\nlocal x = 1\n")
    assert.matches("{ %.%.%. }", repl("t = {}\nt.t = t\nt").stdout)
  end)

  it("keeps what is assigned, and takes statements of several lines", function()
    shows("5\n", "x = 5\nx\n")
    shows("7\n", "function f()\n  return 7\nend\nf()\n")
    shows("1\n2\n", "for i = 1, 2 do\nprint(i)\nend\n")
    shows("hi\t3\n", 'print("hi", 3)\n')
  end)

  it("calls handlers as a server does", function()
    shows("{ ready = false }\n", "Probe()\n")
    shows("{ ready = true }\n", 'Probe(nil, { ready = "yes" })\n')
    shows("{ ready = true }\n", 'call("Probe", {}, { ready = "yes" })\n')
    shows('{ name = "repl.example.com", vendor_version = "1", manifest = { a = "1" } }\n',
      "GetPluginInfo()\n")
    shows("7\n", 'v = CreateVolume { name = "v", capacity_range = { required_bytes = 7 } }\n'
      .. "v.volume.capacity_bytes\n")
    shows('nil, "ABORTED", "not now"\n', "DeleteVolume {}\n")
    shows('{ node_id = "n7", max_volumes_per_node = 0 }\n', "NodeGetInfo()\n", { "--nodeid=n7" })
    shows('nil, "UNIMPLEMENTED", "the script has no handler for this method"\n', "ListVolumes()\n")
    local result = repl('CreateVolume { name = "v" }\n')
    assert.matches('^nil, "INTERNAL", "CreateVolume: the script failed: .*capacity_range', result.stdout)
    assert.matches('"Handler failed" method="CreateVolume" id="1"', result.stderr)
  end)

  it("waits, while background work goes on", function()
    shows("true\n", "before = counter\nrepeat csi.sleep(0.001) until counter > before\ncounter > before\n")
  end)

  it("runs with the permissions and settings of its flags", function()
    local file = folder.make { ["file"] = "text" } .. "/file"
    shows('"text"\n', ("csi.read(%q)\n"):format(file), { "--allow-read", file })
    fails(("line 1: stdin:1: csi.read: %s is not allowed: add --allow-read=%s"):format(file, file),
      ("csi.read(%q)\n"):format(file))
    shows('"v"\n', "csi.config.key\n", { "--set=key=v" })
    shows("nil, nil\n", "io, os.exit\n")
  end)

  it("serves the built-in identity without a script", function()
    assert.same({ code = 0, stdout = '"luacsi.example.com"\n', stderr = "" },
      host.run({ "repl" }, { stdin = "GetPluginInfo().name\n" }))
  end)

  it("ends at the first line that fails, and says which", function()
    local result = fails("line 2: stdin:1: boom\n", 'print("one")\nerror("boom")\nprint("three")\n')
    assert.equal("one\n", result.stdout)
    fails("line 1: stdin:1: attempt to call a nil value (global 'Prob')\n", "Prob()\n")
    fails("line 1: stdin:1: bad argument #1 to 'call' (CSI has no method Prob (did you mean Probe?))",
      'call "Prob"\n')
    fails("line 1: bad argument #2 to 'call' (CreateVolumeRequest: no field is called \"nam\" (did you",
      'CreateVolume { nam = "v" }\n')
    fails("line 1: stdin:1: unexpected symbol near 'then'\n", "then\n")
    fails("line 2: stdin:1: unexpected symbol near <eof>\n", "for i = 1,\n")
    fails("line 1: ABORTED: x\n", 'csi.fail("ABORTED", "x")\n')
    fails("line 1: the handler computed for longer than it may\n", "while true do end\n",
      { "--handler-cpu=50ms" })
    fails("line 1: not enough memory\n", '("x"):rep(1 << 23)\n', { "--memory=2MB" })
  end)

  it("says what is wrong with the script, the flags, the file", function()
    local dir = folder.make { ["bad.lua"] = "return { Prob = {} }" }
    local result = host.run({ "repl", dir .. "/bad.lua" }, { stdin = "1\n" })
    assert.same({ 1, "" }, { result.code, result.stdout })
    assert.matches("bad.lua:1: CSI has no method Prob %(did you mean Probe%?%)\n", result.stderr)
    assert.matches("luacsi repl: .*/bad.lua does not load\n$", result.stderr)
    assert.equal(1, host.run({ "repl", dir .. "/none.lua" }).code)
    assert.equal(2, host.run({ "repl", "a", "b" }).code)
    assert.equal(2, host.run({ "repl", "--allow-net=x" }).code)
  end)
end)

describe("luacsi repl, on a terminal,", function()
  local state, session

  before_each(function()
    state = folder.make { ["script.lua"] = SCRIPT }
    local binary = assert(uv.fs_realpath(os.getenv "LUACSI" or "build/luacsi"))
    session = terminal.start(("%s repl %s/script.lua"):format(binary, state), { XDG_STATE_HOME = state })
    session:wait_for "luacsi> "
  end)
  after_each(folder.remove_all)

  local function finish(code)
    session:type "\4"
    assert.equal(code or 0, session:finish())
  end

  it("shows values, and stays after errors", function()
    session:type "1 + 1\n"
    session:wait_for "\r\n2\r\nluacsi> "
    session:type 'error("boom")\n'
    session:wait_for "stdin:1: boom\r\nluacsi> "
    session:type 'Probe(nil, { ready = "yes" })\n'
    session:wait_for "{ ready = true }\r\nluacsi> "
    finish()
  end)

  it("asks on for the rest of a statement; Ctrl-C gives it up", function()
    session:type "for i = 1, 2 do\n"
    session:wait_for "     -> "
    session:type "print(i + 40) end\n"
    session:wait_for "41\r\n42\r\nluacsi> "
    session:type "for i = 1, 2 do\n"
    session:wait_for "     -> "
    session:type "oops\3"
    session:wait_for "^C\r\nluacsi> "
    session:type "6 * 7\n"
    session:wait_for "\r\n42\r\nluacsi> "
    finish()
  end)

  it("interrupts what waits and what computes", function()
    for _, text in ipairs { "csi.sleep(1000)", "while true do end", "call_long()",
      "pcall(function() while true do end end)" } do
      session:type "function call_long() csi.every(1000, function() end) csi.sleep(1000) end\n"
      session:wait_for "luacsi> "
      session:type('print("be" .. "gun") ' .. text .. "\n")
      session:wait_for "begun\r\n"
      session:type "\3"
      session:wait_for "interrupted\r\nluacsi> "
    end
    session:type "1 + 1\n"
    session:wait_for "2\r\nluacsi> "
    finish()
  end)

  it("completes words", function()
    session:type "csi.sle\t(0)\n"
    session:wait_for "ep(0)"
    session:wait_for "luacsi> "
    session:type "csi.st\t"
    session:wait_for "csi.stat  csi.store"
    session:wait_for "csi.st"
    session:type "\3"
    session:wait_for "luacsi> "
    session:type "GetPluginI\t()\n"
    session:wait_for 'name = "repl.example.com"'
    session:wait_for "luacsi> "
    session:type "count\t\n"
    session:wait_for "er"
    session:wait_for "luacsi> "
    finish()
  end)

  it("remembers lines, also for the next time", function()
    session:type "1000 + 1\n"
    session:wait_for "1001\r\nluacsi> "
    session:type "\27[A\n"
    session:wait_for "1001\r\nluacsi> "
    finish()
    local path = state .. "/luacsi/history"
    assert.matches("1000", process.read_file(path), 1, true)
    assert.equal(384, uv.fs_stat(path).mode & 511) -- 0600
    local binary = assert(uv.fs_realpath(os.getenv "LUACSI" or "build/luacsi"))
    session = terminal.start(binary .. " repl", { XDG_STATE_HOME = state })
    session:wait_for "luacsi> "
    session:type "\27[A\n"
    session:wait_for "1001\r\nluacsi> "
    finish()
  end)

  it("keeps no lines when it is told so", function()
    finish()
    os.remove(state .. "/luacsi/history")
    local binary = assert(uv.fs_realpath(os.getenv "LUACSI" or "build/luacsi"))
    session = terminal.start(binary .. " repl --history=", { XDG_STATE_HOME = state })
    session:wait_for "luacsi> "
    session:type "1 + 1\n"
    session:wait_for "2\r\nluacsi> "
    finish()
    assert.is_nil(uv.fs_stat(state .. "/luacsi/history"))
  end)
end)
