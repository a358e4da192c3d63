-- What waits: csi.sleep, exec, connect, http, call, read, stat. Each gives its result or nil, message,
-- code; each ends at its timeout, and with the call that it waits in; meanwhile other calls are answered.

local eval = require "spec.support.eval"
local folder = require "spec.support.folder"
local host = require "spec.support.host"
local luacsi = require "luacsi"
local process = require "spec.support.process"
local uv = require "luv"
local wait = require "spec.support.wait"

local server

local function serve_for_block(options)
  options = options or { flags = { "--allow-all" } }
  setup(function() server = eval.serve(options) end)
  teardown(function()
    host.teardown()
    folder.remove_all()
  end)
end

local PRELUDE = "local csi = require 'csi'\n"

local function values(code, options)
  return server:values(PRELUDE .. code, options)
end

local function raises(code, pattern)
  local ok, message = values(("return pcall(load(%q))"):format(PRELUDE .. code))
  assert.is_false(ok, code)
  assert.matches(pattern, message, nil, nil, code)
end

local function fails(expected, code)
  local result, message, status = values(code)
  assert.is_nil(result, code)
  assert.equal(expected, status, message)
  return message
end

-- As values, but our own loop runs meanwhile: for code that talks to a server in this process.
local function values_beside(code)
  local request = luacsi.json.encode({ name = PRELUDE .. code })
  local result = server.server:run { "call", "CreateVolume", request, "--json" }
  assert.equal(0, result.code, result.stderr)
  local list = luacsi.json.decode(luacsi.json.decode(result.stdout).volume.volume_id)
  for i = 1, #list do
    if list[i] == luacsi.json.null then
      list[i] = nil
    end
  end
  return table.unpack(list, 1, 4)
end

-- Starts a call that waits, and leaves it to itself.
local function start_call(code)
  local request = luacsi.json.encode({ name = PRELUDE .. code })
  return host.start { "call", "CreateVolume", request, "--endpoint", server.server.endpoint }
end

local function exists(path)
  return uv.fs_stat(path) ~= nil
end

local function read_pid(path)
  return tonumber(wait.for_(function()
    return exists(path) and process.read_file(path):match("^(%d+)\n")
  end))
end

-- Ended, or a zombie that its parent is about to take.
local function is_gone(pid)
  local file = io.open(("/proc/%d/stat"):format(pid))
  -- Reading what was opened fails when the process ends in between.
  local line = file and file:read("a")
  if file then
    file:close()
  end
  local state = line and line:match("^%d+ %b() (%a)")
  return not state or state == "Z"
end

local function assert_dies(pid)
  assert.is_truthy(wait.for_(function() return is_gone(pid) end), "process " .. pid .. " lives on")
end

-- A listener of this process; on_connection(client).
local function listen(bind, on_connection)
  local handle = bind.path and uv.new_pipe(false) or uv.new_tcp()
  if bind.path then
    assert(handle:bind(bind.path))
  else
    assert(handle:bind("127.0.0.1", 0))
  end
  local clients = {}
  handle:listen(16, function()
    local client = bind.path and uv.new_pipe(false) or uv.new_tcp()
    handle:accept(client)
    clients[#clients + 1] = client
    on_connection(client)
  end)
  return {
    port = not bind.path and handle:getsockname().port,
    close = function()
      for _, client in ipairs(clients) do
        client:close()
      end
      handle:close()
    end,
  }
end

describe("csi.sleep", function()
  serve_for_block()

  it("waits, while other calls are answered", function()
    local sleeper = start_call("csi.log.info('asleep'); csi.sleep(60)")
    server.server:wait_log("asleep")
    assert.equal(1, (values("return 1")))
    sleeper:signal("sigkill")
    sleeper:wait()
    sleeper.done = true
  end)

  it("waits for as long as it is told", function()
    assert.is_true(values("local t = csi.now(); csi.sleep(0.05); return csi.now() - t >= 0.05"))
    assert.is_true(values("csi.sleep(0); return true"))
  end)

  it("works inside coroutines of the script", function()
    assert.same({ 1, 2, 3 }, { values [[
      local each = coroutine.wrap(function()
        for i = 1, 3 do
          csi.sleep(0)
          coroutine.yield(i)
        end
      end)
      return each(), each(), each()]] })
  end)

  it("raises where nothing can wait, and for what is no time", function()
    raises("table.sort({ 1, 2 }, function() csi.sleep(0) end)", "csi.sleep cannot wait here")
    raises("csi.sleep(-1)", "expected seconds")
    raises("csi.sleep(0/0)", "expected seconds")
    raises("csi.sleep '1'", "expected seconds")
    local refused = host.serve_refused { script = "require('csi').sleep(0)" }
    assert.matches("only a handler can", refused.stderr)
  end)
end)

describe("csi.exec", function()
  serve_for_block { flags = { "--allow-all" }, env = { LUACSI_SPEC = "1", CSI_SPEC = "2", SPEC = "3" } }

  it("gives exit status and both outputs", function()
    assert.same({ 3, "out\n", "err\n", false },
      { values "return csi.exec { 'sh', '-c', 'echo out; echo err >&2; exit 3' }" })
  end)

  it("passes arguments as they are, without a shell", function()
    local _, out = values "return csi.exec { 'printf', '%s|', '', 'a b', '$HOME', '*' }"
    assert.equal("|a b|$HOME|*|", out)
  end)

  it("gives standard input, which is empty otherwise", function()
    assert.equal("a\0b", select(2, values "return csi.exec({ 'cat' }, { stdin = 'a\\0b' })"))
    assert.equal("", select(2, values "return csi.exec { 'cat' }"))
    assert.equal(300000, values [[
      local _, out = csi.exec({ "wc", "-c" }, { stdin = ("x"):rep(300000) })
      return tonumber(out)]])
  end)

  it("lets nothing of the environment through but PATH", function()
    local _, out = values "return csi.exec({ '/usr/bin/env' }, { env = { A = 'b' } })"
    local names = {}
    for name in out:gmatch("([^\n=]+)=") do
      names[#names + 1] = name
    end
    table.sort(names)
    assert.same({ "A", "PATH" }, names)
    _, out = values "return csi.exec({ '/usr/bin/env' }, { env = { PATH = '/x' } })"
    assert.equal("PATH=/x\n", out)
  end)

  it("lets nothing else through: no descriptors, no signals, a session of its own", function()
    local _, out = values [[return csi.exec { "sh", "-c",
      "ls /proc/self/fd | wc -l; grep -E 'SigBlk|SigIgn' /proc/self/status; " ..
      "cut -d' ' -f5,6 /proc/$$/stat; echo $$" }]]
    local fds, blocked, ignored, group, session, pid =
      out:match("^(%d+)\nSigBlk:%s*(%x+)\nSigIgn:%s*(%x+)\n(%d+) (%d+)\n(%d+)\n$")
    -- of the signals that a program can know: 32 and 33 are the C library's own
    local known = 0x7fffffff
    assert.same({ 0, 0 }, { tonumber(blocked, 16) & known, tonumber(ignored, 16) & known })
    assert.same({ pid, pid }, { group, session })
    -- standard ones, the folder itself, and what the runner of these specs lets through to everyone
    local inherited = tonumber(io.popen("ls /proc/self/fd | wc -l"):read("a"))
    assert.is_true(tonumber(fds) <= inherited + 1, fds .. " descriptors")
  end)

  it("keeps at most limit bytes of each output, and says so", function()
    assert.same({ 10, 5, true }, { values [[
      local _, out, err, cut =
        csi.exec({ "sh", "-c", "head -c 100000 /dev/zero; echo 1234 >&2" }, { limit = 10 })
      return #out, #err, cut]] })
    assert.same({ 65536, true }, { values [[
      local _, out, _, cut = csi.exec { "head", "-c", "1000000", "/dev/zero" }
      return #out, cut]] })
  end)

  it("kills the whole process group at the timeout", function()
    local dir = folder.make()
    local message = fails("DEADLINE_EXCEEDED", ([[return csi.exec({ "sh", "-c",
      "sleep 1000 & echo $! >%s/pid; wait" }, { timeout = 0.3 })]]):format(dir))
    assert.equal("sh: not done within 0.3 s", message)
    assert_dies(read_pid(dir .. "/pid"))
  end)

  it("kills it when the call ends before it does", function()
    local dir = folder.make()
    local _, code = server:handler(PRELUDE ..
      ("csi.exec { 'sh', '-c', 'echo $$ >%s/pid; sleep 1000' }"):format(dir), { timeout = 0.3 })
    assert.equal("DEADLINE_EXCEEDED", code)
    assert_dies(read_pid(dir .. "/pid"))
  end)

  it("kills it when the caller goes away", function()
    local dir = folder.make()
    local caller = start_call(([[
      csi.exec({ "sh", "-c", "echo $$ >%s/pid; sleep 1000" }, { timeout = 60 })]]):format(dir))
    local pid = read_pid(dir .. "/pid")
    caller:signal("sigkill")
    caller:wait()
    caller.done = true
    assert_dies(pid)
  end)

  it("does not wait for what the program left behind", function()
    local dir = folder.make()
    assert.same({ 0, "said\n" }, { values(([[
      local status, out =
        csi.exec({ "sh", "-c", "sleep 1000 & echo $! >%s/pid; echo said" }, { timeout = 60 })
      return status, out]]):format(dir)) })
    uv.kill(read_pid(dir .. "/pid"), "sigkill")
  end)

  it("tells why there is no result", function()
    fails("NOT_FOUND", "return csi.exec { 'no-such-program' }")
    fails("NOT_FOUND", "return csi.exec { '/no/such/program' }")
    assert.matches("killed by signal 15", fails("ABORTED", "return csi.exec { 'sh', '-c', 'kill $$' }"))
  end)

  it("raises for a mistake", function()
    raises("csi.exec 'ls'", "table expected")
    raises("csi.exec {}", "expected a list")
    raises("csi.exec { 'ls', 1 }", "%[2%]: expected string")
    raises("csi.exec { 'a\\0b' }", "%[1%]: expected string without NUL")
    raises("csi.exec { '' }", "expected the name of a program")
    raises("csi.exec({ 'ls' }, { timout = 1 })", "did you mean timeout")
    raises("csi.exec({ 'ls' }, { timeout = 0 })", "timeout: expected seconds")
    raises("csi.exec({ 'ls' }, { limit = -1 })", "limit: expected integer from 0")
    raises("csi.exec({ 'ls' }, { env = { ['a=b'] = 'c' } })", "env: expected the names")
    raises("csi.exec({ 'ls' }, { env = { 'c' } })", "env: expected names as keys")
  end)
end)

describe("csi.connect", function()
  serve_for_block()

  it("says whether somebody listens", function()
    local dir = folder.make()
    local tcp = listen({}, function() end)
    local pipe = listen({ path = dir .. "/sock" }, function() end)
    assert.is_true(values(("return csi.connect 'tcp://127.0.0.1:%d'"):format(tcp.port)))
    assert.is_true(values(("return csi.connect 'tcp://localhost:%d'"):format(tcp.port)))
    assert.is_true(values(("return csi.connect 'unix://%s/sock'"):format(dir)))
    tcp.close()
    pipe.close()
    local port = host.free_port()
    assert.equal(("tcp://127.0.0.1:%d: Connection refused"):format(port),
      fails("UNAVAILABLE", ("return csi.connect 'tcp://127.0.0.1:%d'"):format(port)))
    fails("UNAVAILABLE", ("return csi.connect 'tcp://localhost:%d'"):format(port))
    fails("NOT_FOUND", ("return csi.connect 'unix://%s/nobody'"):format(dir))
  end)

  it("waits for a full backlog up to the timeout", function()
    local path = folder.make() .. "/sock"
    local listener = uv.new_pipe(false)
    assert(listener:bind(path))
    listener:listen(0, function() end)
    local first = uv.new_pipe(false)
    first:connect(path)
    assert.matches("not done within 0.2 s",
      fails("DEADLINE_EXCEEDED", ("return csi.connect('unix://%s', { timeout = 0.2 })"):format(path)))
    first:close()
    listener:close()
  end)

  it("raises for what is no address", function()
    for _, text in ipairs { "", "host:80", "tcp://host", "tcp://host:0", "tcp://host:65536", "tcp://a b:1",
      "tcp://user@host:1", "tcp://[::1:1", "unix:relative/", "http://host:80" } do
      raises(("csi.connect %q"):format(text), "expected")
    end
  end)
end)

describe("csi.http", function()
  serve_for_block()

  local web, seen

  -- Answers each request with what answers[path] says, and notes the request.
  local function serve_web(answers)
    seen = {}
    return listen({}, function(client)
      local text = ""
      client:read_start(function(_, chunk)
        text = text .. (chunk or "")
        local head, body = text:match("^(.-\r\n)\r\n(.*)$")
        local length = head and tonumber(head:lower():match("content%-length: (%d+)")) or 0
        if head and #body >= length then
          text = ""
          local method, path = head:match("^(%S+) (%S+)")
          seen[#seen + 1] = { method = method, path = path, head = head, body = body }
          local answer = answers[path]
          if answer then
            client:write(answer)
          end
        end
      end)
    end)
  end

  local function reply(status, body, headers)
    return ("HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n%s"):format(status, #body, headers or "", body)
  end

  after_each(function()
    if web then
      web.close()
      web = nil
    end
  end)

  local function fetch(path, options)
    return values_beside(("return csi.http('http://127.0.0.1:%d%s', %s)")
      :format(web.port, path, options or "nil"))
  end

  it("gives status, body and headers", function()
    web = serve_web { ["/a?b=c"] = reply("200 OK", "hello", "X-One: 1\r\nX-Two:2 \r\nx-one: 3\r\n") }
    local status, body, headers = fetch("/a?b=c")
    assert.equal(200, status)
    assert.equal("hello", body)
    assert.same({ ["content-length"] = "5", ["x-one"] = "1, 3", ["x-two"] = "2" }, headers)
    assert.equal("GET", seen[1].method)
    assert.matches("\r\nHost: 127.0.0.1:" .. web.port .. "\r\n", seen[1].head)
    assert.matches("\r\nUser%-Agent: luacsi/", seen[1].head)
  end)

  it("sends method, headers and body", function()
    web = serve_web { ["/"] = reply("201 Created", "") }
    local status = fetch("/",
      "{ method = 'PUT', headers = { Authorization = 'Bearer x', Empty = '' }, body = 'a\\0b' }")
    assert.equal(201, status)
    assert.equal("PUT", seen[1].method)
    assert.equal("a\0b", seen[1].body)
    assert.matches("\r\nAuthorization: Bearer x\r\n", seen[1].head)
    assert.matches("\r\nEmpty:%s*\r\n", seen[1].head)
    assert.is_nil(seen[1].head:find("Content-Type", 1, true))
    fetch("/", "{ body = '' }")
    assert.equal("POST", seen[2].method)
    fetch("/", "{ method = 'HEAD' }")
    assert.equal("HEAD", seen[3].method)
  end)

  it("gives whatever status there is, and follows no redirect", function()
    web = serve_web {
      ["/gone"] = reply("404 Not Found", "no"),
      ["/moved"] = reply("302 Found", "", "Location: /gone\r\n"),
    }
    assert.equal(404, (fetch("/gone")))
    local status, _, headers = fetch("/moved")
    assert.equal(302, status)
    assert.equal("/gone", headers.location)
    assert.equal(2, #seen)
  end)

  it("resolves names", function()
    web = serve_web { ["/"] = reply("200 OK", "named") }
    local _, body = values_beside(("return csi.http 'http://localhost:%d/'"):format(web.port))
    assert.equal("named", body)
    fails("NOT_FOUND", "return csi.http 'http://no-such-name.invalid/'")
  end)

  it("goes to a UNIX socket where it is told to", function()
    local path = folder.make() .. "/web"
    local pipe = listen({ path = path }, function(client)
      client:read_start(function(_, chunk)
        if chunk then
          client:write(reply("200 OK", chunk:match("Host: (%S+)")))
        end
      end)
    end)
    local status, body =
      values_beside(("return csi.http('http://api.example.com/', { unix_socket = %q })"):format(path))
    pipe.close()
    assert.same({ 200, "api.example.com" }, { status, body })
  end)

  it("uses no proxy of the environment", function()
    local nobody = host.free_port()
    web = serve_web { ["/"] = reply("200 OK", "direct") }
    local outer = server
    server = eval.serve { flags = { "--allow-all" }, env = { http_proxy = "http://127.0.0.1:" .. nobody } }
    local _, body = fetch("/")
    server.server:stop()
    server = outer
    assert.equal("direct", body)
  end)

  it("tells why there is no response", function()
    web = serve_web {
      ["/large"] = reply("200 OK", ("x"):rep(1024 * 1024 + 1)),
      ["/heads"] = reply("200 OK", "", ("X-%s: y\r\n"):format(("h"):rep(70000))),
      ["/rubbish"] = "rubbish\r\n\r\n",
    }
    local function code_of(path, options)
      local result, _, code = fetch(path, options)
      return result or code
    end
    assert.equal("DEADLINE_EXCEEDED", code_of("/silent", "{ timeout = 0.2 }"))
    assert.equal("RESOURCE_EXHAUSTED", code_of("/large"))
    assert.equal("RESOURCE_EXHAUSTED", code_of("/heads"))
    assert.equal("UNAVAILABLE", code_of("/rubbish"))
    local message = fails("UNAVAILABLE",
      ("return csi.http 'http://127.0.0.1:%d/secret?token=x'"):format(host.free_port()))
    assert.is_nil(message:find("token", 1, true))
  end)

  it("raises for what is no request", function()
    raises("csi.http 'ftp://host/'", "begins with http://")
    raises("csi.http 'http:///'", "expected a host")
    raises("csi.http 'http://user@host/'", "expected a host")
    raises("csi.http 'http://a\\\\b/'", "expected a host")
    raises("csi.http 'http://a/b c'", "without spaces")
    raises("csi.http('http://a/', { method = 'G T' })", "method: expected a name")
    raises("csi.http('http://a/', { headers = { ['a b'] = 'c' } })", "expected a header's name")
    raises("csi.http('http://a/', { headers = { a = 'b\\r\\nc: d' } })", "headers.a: expected a value")
    raises("csi.http('http://a/', { redirect = true })", "unknown option redirect")
  end)
end)

describe("csi.call", function()
  serve_for_block()

  it("calls another driver, through the same conversions", function()
    local other = host.serve { script = [[
      return {
        GetPluginInfo = function(_, context)
          return { name = "other.example.com", vendor_version = context.metadata["x-version"] }
        end,
        NodeGetInfo = function() return nil, "ABORTED", "not now" end,
      }]] }
    local reply = values(([[
      return csi.call(%q, "GetPluginInfo", {}, { metadata = { ["x-version"] = "7" } })]])
      :format(other.endpoint))
    assert.same({ name = "other.example.com", vendor_version = "7", manifest = {} }, reply)
    local message = fails("ABORTED", ("return csi.call(%q, 'NodeGetInfo')"):format(other.endpoint))
    assert.equal("not now", message)
    other:stop()
    fails("NOT_FOUND", ("return csi.call(%q, 'Probe')"):format(other.endpoint))
  end)

  it("can call the very server that it runs in", function()
    assert.same({ ready = true }, (values(("return csi.call(%q, 'Probe')"):format(server.server.endpoint))))
  end)

  it("ends at its timeout", function()
    local silent = listen({}, function() end)
    fails("DEADLINE_EXCEEDED",
      ("return csi.call('tcp://127.0.0.1:%d', 'Probe', nil, { timeout = 0.2 })"):format(silent.port))
    silent.close()
    fails("DEADLINE_EXCEEDED", ([[return csi.call(%q, "DeleteSnapshot",
      { snapshot_id = "require('csi').sleep(60)" }, { timeout = 0.2 })]]):format(server.server.endpoint))
  end)

  it("raises for a mistake", function()
    raises("csi.call('unix:///x', 'Prob')", "did you mean Probe")
    raises("csi.call('unix:///x', 'Probe', { a = 1 })", "ProbeRequest: no field is called \"a\"")
    raises("csi.call('unix:///x', 'GetMetadataDelta')", "its replies are a stream")
    raises("csi.call('unix:///x', 'grpc.health.v1.Health/Watch')", "its replies are a stream")
    raises("csi.call('unix:///x', 'Check')", "unknown method Check")
    raises("csi.call('unix:///x', 'Probe', {}, { metadata = { ['grpc-timeout'] = 'x' } })", "belongs to gRPC")
    raises("csi.call('x', 'Probe')", "expected unix:///path")
  end)

  it("knows grpc.health.v1", function()
    fails("NOT_FOUND", [[
      return csi.call("unix:///no/such.sock", "grpc.health.v1.Health/Check", { service = "x" })]])
  end)
end)

describe("csi.read and csi.stat", function()
  serve_for_block()

  it("wait in a handler, and not where nothing can", function()
    local path = folder.make { file = "text" } .. "/file"
    assert.equal("text", (values(("return csi.read %q"):format(path))))
    assert.equal(4, values(("return csi.stat(%q).size"):format(path)))
    assert.same({ "text", 4 }, { values(([[
      local path, text, size = %q
      table.sort({ 1, 2 }, function(a, b)
        text, size = csi.read(path), csi.stat(path).size
        return a < b
      end)
      return text, size]]):format(path)) })
    raises(("csi.read(%q, { limit = 1 })"):format(path), "unknown option limit")
  end)

  it("work while a script loads", function()
    local path = folder.make { file = "1.2.3" } .. "/file"
    local loaded = host.serve { flags = { "--allow-all" }, script = ([[
      local version = require("csi").read(%q)
      return { GetPluginInfo = { name = "x.example.com", vendor_version = version } }]]):format(path) }
    assert.equal("1.2.3", loaded:connect():call("GetPluginInfo").vendor_version)
    loaded:stop()
  end)
end)

describe("csi.mounts", function()
  serve_for_block()

  it("lists what is mounted", function()
    local proc = values [[
      for _, mount in ipairs(csi.mounts()) do
        if mount.target == "/proc" then
          return mount
        end
      end]]
    assert.equal("proc", proc.type)
    assert.equal("/", proc.root)
    assert.matches("^r[wo]", proc.options)
  end)
end)

describe("waiting", function()
  after_each(function()
    host.teardown()
    folder.remove_all()
  end)

  it("in every way at once leaves nothing behind at the end", function()
    local silent = listen({}, function() end)
    server = eval.serve { flags = { "--allow-all", "--grace", "0.1s" } }
    for _, code in ipairs {
      "csi.sleep(60)",
      "csi.exec({ 'sleep', '60' }, { timeout = 60 })",
      ("csi.http('http://127.0.0.1:%d/', { timeout = 60 })"):format(silent.port),
      ("csi.call('tcp://127.0.0.1:%d', 'Probe', {}, { timeout = 60 })"):format(silent.port),
      ("csi.connect('tcp://127.0.0.1:%d'); csi.sleep(60)"):format(silent.port),
      "csi.read '/proc/mounts'; csi.sleep(60)",
    } do
      local caller = start_call("csi.log.info 'on its way'; " .. code)
      caller.done = true
    end
    assert.is_truthy(wait.for_(function()
      return select(2, server.server:log():gsub("on its way", "")) == 6
    end))
    server.server:stop()
    silent.close()
  end)

  it("takes no descriptors and no children for good", function()
    server = eval.serve { flags = { "--allow-all" } }
    local pid = server.server.process.pid
    local function descriptors()
      local n, scan = 0, assert(uv.fs_scandir(("/proc/%d/fd"):format(pid)))
      while uv.fs_scandir_next(scan) do
        n = n + 1
      end
      return n
    end
    local everything = ([[
      for _ = 1, 20 do
        csi.exec { "true" }
        csi.exec({ "sleep", "60" }, { timeout = 0.001 })
        csi.connect %q
        csi.connect("tcp://127.0.0.1:1")
        csi.call(%q, "Probe")
        csi.read("/proc/mounts")
        csi.http("http://127.0.0.1:1/")
      end]]):format(server.server.endpoint, server.server.endpoint)
    values(everything)
    local before = descriptors()
    values(everything)
    assert.is_truthy(wait.for_(function() return descriptors() <= before end))
    local children = io.open(("/proc/%d/task/%d/children"):format(pid, pid))
    assert.equal("", children:read("a"))
    children:close()
  end)
end)
