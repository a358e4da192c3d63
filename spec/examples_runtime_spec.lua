-- The examples that look at the world: programs, sockets, files, HTTP, other drivers. As in
-- examples_spec.lua, but each has something to look at.

local control = require "spec.support.control"
local host = require "spec.support.host"
local luacsi = require "luacsi"
local process = require "spec.support.process"
local uv = require "luv"
local serve_example = require("spec.support.example").serve
local wait = require "spec.support.wait"
local web = require "spec.support.web"

-- Describes the example of that name; the specs get a function that serves it.
local function example(name, specs)
  describe("examples/" .. name .. ".lua", function()
    after_each(host.teardown)
    specs(function(...) return serve_example(name, ...) end)
  end)
end

local READY, NOT_READY = { ready = true }, { ready = false }

-- What `luacsi call Probe` prints; our loop runs meanwhile, so servers of this process answer.
local function probe(server)
  local result = server:run { "call", "Probe", "--json" }
  return luacsi.json.decode(result.stdout)
end

-- Asks until the answer is the expected one: a reply, or a code and a pattern of its message.
local function assert_becomes(expected, server)
  local answer
  wait.for_(function()
    answer = probe(server)
    return answer.code == expected.code and answer.ready == expected.ready
      and (answer.message or ""):find(expected.message or "")
  end)
  assert.equal(expected.code, answer.code, answer.message)
  assert.equal(expected.ready, answer.ready)
  assert.matches(expected.message or "", answer.message or "")
end

local function broken(message)
  return { code = "FAILED_PRECONDITION", message = message }
end

-- A program that ends as the file beside it says.
local function write_program(folder)
  local path = folder .. "/health"
  process.write_file(path, '#!/bin/sh\necho "HEALTH_ERR: $*" >&2\nexit "$(cat "$0.status")"\n')
  assert(uv.fs_chmod(path, 493))
  return path, function(status)
    process.write_file(path .. ".new", status)
    assert(uv.fs_rename(path .. ".new", path .. ".status"))
  end
end

example("ceph-readiness", function(serve)
  -- Accepts connections in the kernel alone: nobody needs to run our loop.
  local function listen(port)
    local socket = uv.new_tcp()
    assert(socket:bind("127.0.0.1", port))
    assert(socket:listen(128, function() end))
    return socket
  end

  it("follows the command and the monitors", function()
    local program, set_status = write_program(host.folder())
    local port, closed = host.free_port(), host.free_port()
    set_status "0"
    local server = serve("command=" .. program .. " one two", "every=0.01", "--allow-exec=" .. program,
      ("monitors=127.0.0.1:%d,127.0.0.1:%d"):format(closed, port), "--allow-net=127.0.0.1:*")
    assert_becomes(broken "^network: tcp://127%.0%.0%.1:%d+: ", server)
    local monitor = listen(port)
    finally(function() monitor:close() end)
    assert_becomes(READY, server)
    set_status "3"
    assert_becomes(broken "^health: .*/health one two: status 3: HEALTH_ERR: one two$", server)
    set_status "0"
    assert_becomes(READY, server)
  end)

  it("answers while the command hangs", function()
    local folder = host.folder()
    process.write_file(folder .. "/hang", "#!/bin/sh\nexec sleep 60\n")
    assert(uv.fs_chmod(folder .. "/hang", 493))
    local port = host.free_port()
    local monitor = listen(port)
    finally(function() monitor:close() end)
    local server = serve("command=" .. folder .. "/hang", "--allow-all", "monitors=127.0.0.1:" .. port)
    local connection = server:connect()
    for _ = 1, 20 do
      assert.same(NOT_READY, (connection:call("Probe")))
    end
  end)

  it("names the flag that is missing", function()
    local server = serve("every=0.001", "monitors=127.0.0.1:1")
    assert_becomes(broken "^health: .* ceph is not allowed: add %-%-allow%-exec=ceph$", server)
    server:wait_log "127%.0%.0%.1:1 is not allowed: add %-%-allow%-net=127%.0%.0%.1:1"
  end)
end)

example("forwarding-probe", function(serve)
  local function serve_front(backend)
    return serve("backend=unix://" .. backend, "--allow-net=unix:" .. backend)
  end

  it("says what the driver behind it says", function()
    local backend = host.serve { script = [[
      local csi = require "csi"
      local n = 0
      return {
        GetPluginInfo = { name = "backend.csi.example.com", vendor_version = "1" },
        Probe = function()
          n = n + 1
          if n == 3 then csi.fail("FAILED_PRECONDITION", "no disks") end
          return n < 4 and { ready = n == 2 } or {}
        end,
      }
    ]] }
    local connection = serve_front(backend.socket):connect()
    assert.equal("front.csi.example.com", connection:call("GetPluginInfo").name)
    assert.same(NOT_READY, (connection:call("Probe")))
    assert.same(READY, (connection:call("Probe")))
    assert.same({ nil, "FAILED_PRECONDITION", "backend: no disks" }, { connection:call("Probe") })
    assert.same({}, (connection:call("Probe")))
  end)

  it("is not ready while nobody is there, and ready afterwards", function()
    local socket = host.folder() .. "/backend.sock"
    local connection = serve_front(socket):connect()
    assert.same(NOT_READY, (connection:call("Probe")))
    local backend = host.serve { file = "examples/hello.lua", socket = socket }
    assert.same(READY, (connection:call("Probe")))
    backend:stop()
    assert.same(NOT_READY, (connection:call("Probe")))
  end)
end)

example("wait-for-file", function(serve)
  it("is ready once the file is there for two looks, and not for five", function()
    local path = host.folder() .. "/ready"
    local server = serve("file=" .. path, "every=0.01", "--allow-read=" .. path)
    assert_becomes(NOT_READY, server)
    process.write_file(path, "")
    assert_becomes(READY, server)
    assert(os.remove(path))
    assert_becomes(NOT_READY, server)
    server:wait_log '"Check changed" check="file" from="up" to="pending" reason=".*/ready: No such file'
  end)

  it("does not follow a file that flickers", function()
    local path = host.folder() .. "/ready"
    process.write_file(path, "")
    local server = control.serve { file = "examples/wait-for-file.lua",
      flags = { "--set", "file=" .. path, "--allow-read=" .. path, "--clock", "virtual" } }
    local function look(times)
      server:must("Advance", { milliseconds = times * 1000 })
      return probe(server)
    end
    assert.same(READY, look(2))
    for _ = 1, 3 do
      assert(os.remove(path))
      assert.same(READY, look(4))
      process.write_file(path, "")
      assert.same(READY, look(1))
    end
    assert(os.remove(path))
    assert.same(NOT_READY, look(5))
  end)

  it("names the flag that is missing", function()
    local server = serve("file=/a/file", "every=0.001")
    assert_becomes(broken "/a/file is not allowed: add %-%-allow%-read=/a/file$", server)
  end)
end)

example("http-login", function()
  local array, server

  -- The storage: one user, and the token that it gives out.
  local function serve_array(token)
    return web.serve(function(request)
      if request.path == "/login" then
        local login = luacsi.json.decode(request.body)
        if login.user == "csi" and login.password == "secret" then
          return 200, luacsi.json.encode { token = token.value, expires_in = token.ttl }
        end
        return 403, ""
      end
      return request.headers.authorization == "Bearer " .. token.value and token.status or 401, ""
    end)
  end

  local function serve_driver(user)
    return host.serve {
      file = "examples/http-login.lua",
      env = { ARRAY_PASSWORD = "secret" },
      flags = {
        "--set=url=" .. array.url, "--set=user=" .. user, "--allow-env=ARRAY_PASSWORD",
        "--allow-net=127.0.0.1:" .. array.port,
      },
    }
  end

  local function count(path)
    local n = 0
    for _, request in ipairs(array.requests) do
      n = n + (request.path == path and 1 or 0)
    end
    return n
  end

  after_each(function() array:close() end)

  it("logs in once, and keeps the token over a reload", function()
    array = serve_array { value = "t1", ttl = 3600, status = 200 }
    server = serve_driver "csi"
    for _ = 1, 3 do
      assert.same(READY, probe(server))
    end
    server:signal "sighup"
    server:wait_log '"Script reloaded"'
    assert.same(READY, probe(server))
    assert.equal(1, count "/login")
    assert.equal(4, count "/health")
  end)

  it("logs in again when the token has expired, or was taken back", function()
    local token = { value = "t1", ttl = 0.001, status = 200 }
    array = serve_array(token)
    server = serve_driver "csi"
    assert.same(READY, probe(server))
    assert(wait.for_(function() return probe(server).ready and count "/login" >= 2 end))
    token.ttl = 3600
    assert(wait.for_(function()
      local before = count "/login"
      return probe(server).ready and count "/login" == before
    end))
    token.value = "t2"
    assert.same(NOT_READY, probe(server))
    assert.same(READY, probe(server))
  end)

  it("is broken when the login is refused, or the storage is not well", function()
    array = serve_array { value = "t1", ttl = 3600, status = 503 }
    server = serve_driver "nobody"
    assert.same(broken "login: HTTP status 403", probe(server))
    server = serve_driver "csi"
    assert.same(broken "health: HTTP status 503", probe(server))
  end)
end)
