-- Where the server listens: the forms of an endpoint, what is refused, and what becomes of the socket's
-- file from its start to its end. CSI allows no other file beside it, at any time.

local uv = require "luv"
local host = require "spec.support.host"
local luacsi = require "luacsi"
local process = require "spec.support.process"
local wait = require "spec.support.wait"

local ROOT = uv.getuid() == 0
local NOBODY = 54321

-- What runs a command as a user who may not do everything.
local function unprivileged()
  if ROOT then
    return { "/usr/bin/setpriv", "--reuid=" .. NOBODY, "--regid=" .. NOBODY, "--clear-groups" }
  end
end

local function through_shell(before)
  return { "/bin/sh", "-c", before .. '; exec "$@"', "sh" }
end

local function assert_answers(endpoint)
  local connection <close> = assert(luacsi.connect(endpoint))
  assert.same({ ready = true }, connection:call("Probe"))
end

-- Ends a process of host.start that serves, and checks how it went.
local function stop(child)
  child:signal("sigterm")
  assert.equal(0, child:wait())
end

local function kill(child)
  child:signal("sigkill")
  child:wait()
  child.done = true
end

-- A process that serves on path, which no teardown looks after.
local function serving(path)
  local child = host.start { "serve", "--endpoint", path }
  assert(wait.for_(function() return child:stderr():find('"Serving"', 1, true) end), child:stderr())
  return child
end

-- A socket at path on which nobody listens any more.
local function leave_stale_socket(path)
  kill(serving(path))
  assert.equal("socket", uv.fs_lstat(path).type)
end

-- Starts a server that has to end by itself; gives its exit status and what it said.
local function refused(endpoint, options)
  local result = host.run({ "serve", "--endpoint", endpoint }, options)
  assert.equal("", result.stdout)
  return result.code, result.stderr
end

describe("the endpoint", function()
  after_each(host.teardown)

  local function serves(options)
    local server = host.serve(options)
    assert_answers("unix://" .. server.socket)
    assert.equal(options.socket, server:log():match('"Serving" endpoint="unix://(.-)"'))
  end

  it("is a URL with an absolute path", function()
    local path = host.folder() .. "/csi.sock"
    serves { endpoint = false, flags = { "--endpoint", "unix://" .. path }, socket = path }
  end)

  it("is a scheme and an absolute path", function()
    local path = host.folder() .. "/csi.sock"
    serves { endpoint = false, flags = { "--endpoint", "unix:" .. path }, socket = path }
  end)

  it("is a scheme and a path from the working directory", function()
    local folder = host.folder()
    local path = folder .. "/csi.sock"
    serves { endpoint = false, flags = { "--endpoint", "unix:csi.sock" }, cwd = folder, socket = path }
  end)

  it("is a bare absolute path", function()
    local path = host.folder() .. "/csi.sock"
    serves { endpoint = false, flags = { "--endpoint", path }, socket = path }
  end)

  for _, address in ipairs { "127.0.0.1", "[::1]" } do
    it("is a port of " .. address, function()
      local server = host.serve { endpoint = ("tcp://%s:%d"):format(address, host.free_port()) }
      assert_answers(server.endpoint)
    end)
  end

  it("is in CSI_ENDPOINT", function()
    local path = host.folder() .. "/csi.sock"
    serves { endpoint = false, env = { CSI_ENDPOINT = "unix://" .. path }, socket = path }
  end)

  it("is in LUACSI_ENDPOINT, which beats CSI_ENDPOINT", function()
    local path = host.folder() .. "/csi.sock"
    serves {
      endpoint = false,
      env = { LUACSI_ENDPOINT = "unix://" .. path, CSI_ENDPOINT = "unix:///nowhere/csi.sock" },
      socket = path,
    }
  end)

  it("is in a flag, which beats the environment", function()
    local path = host.folder() .. "/csi.sock"
    serves {
      endpoint = false,
      flags = { "--endpoint", path },
      env = { LUACSI_ENDPOINT = "unix:///nowhere/a.sock", CSI_ENDPOINT = "unix:///nowhere/b.sock" },
      socket = path,
    }
  end)

  it("is a socket in XDG_RUNTIME_DIR when nothing is said, for clients too", function()
    local folder = host.folder()
    local env = { XDG_RUNTIME_DIR = folder }
    serves { endpoint = false, env = env, socket = folder .. "/luacsi.sock" }
    assert.same({ code = 0, stdout = "ready\n", stderr = "" }, host.run({ "probe" }, { env = env }))
  end)

  it("is a socket in a private folder of /tmp when there is no XDG_RUNTIME_DIR", function()
    local user = ROOT and NOBODY or uv.getuid()
    local folder = ("/tmp/luacsi-%d"):format(user)
    local env = { XDG_RUNTIME_DIR = false }
    serves { endpoint = false, env = env, prefix = unprivileged(), socket = folder .. "/csi.sock" }
    local stat = uv.fs_stat(folder)
    assert.same({ user, 448 }, { stat.uid, stat.mode & 511 })
    local probe = host.run({ "probe" }, { env = env, prefix = unprivileged() })
    host.teardown()
    assert.same({ code = 0, stdout = "ready\n", stderr = "" }, probe)
    assert.same({}, host.files_in(folder))

    assert(uv.fs_chmod(folder, 493))
    local open = host.run({ "serve" }, { env = env, prefix = unprivileged() })
    assert(uv.fs_rmdir(folder))
    assert.equal(2, open.code)
    assert.truthy(open.stderr:find(folder .. ": expected a directory that only user", 1, true))
  end)

  it("must have a form that is known", function()
    local forms = {
      [""] = "got an empty text",
      ["unix:"] = "expected the path of a socket",
      ["unix://"] = "expected an absolute path after unix://",
      ["unix://run/csi.sock"] = "expected an absolute path after unix://",
      ["/run/"] = "expected the path of a socket",
      ["run/csi.sock"] = "expected unix:///path",
      ["http://127.0.0.1:80"] = "expected unix:///path",
      ["tcp://127.0.0.1"] = "expected a numeric address and a port",
      ["tcp://localhost:9000"] = "expected a numeric address and a port",
      ["tcp://::1:9000"] = "expected a numeric address and a port",
      ["tcp://127.0.0.1:0"] = "expected a port from 1 to 65535",
      ["tcp://127.0.0.1:65536"] = "expected a port from 1 to 65535",
      ["tcp://127.0.0.1:80x"] = "expected a port from 1 to 65535",
    }
    for form, expected in pairs(forms) do
      local code, text = refused(form)
      assert.equal(2, code, form)
      assert.truthy(text:find(expected, 1, true), text)
    end
  end)

  it("has a path of at most 107 bytes", function()
    local folder = host.folder() .. "/"
    local longest = folder .. ("x"):rep(107 - #folder)
    serves { socket = longest }
    local code, text = refused(longest .. "y")
    assert.equal(2, code)
    assert.truthy(text:find("expected a path of at most 107 bytes, got 108 bytes", 1, true))
  end)
end)

describe("the server refuses", function()
  after_each(host.teardown)

  it("a folder that is not there", function()
    local folder = host.folder() .. "/missing"
    local code, text = refused(folder .. "/csi.sock")
    assert.equal(1, code)
    assert.equal(("luacsi serve: cannot listen on unix://%s/csi.sock: directory %s does not exist\n")
      :format(folder, folder), text)
  end)

  it("a folder that is a file", function()
    local file = host.folder() .. "/file"
    process.write_file(file, "content")
    local code, text = refused(file .. "/csi.sock")
    assert.equal(1, code)
    assert.truthy(text:find(file .. " is not a directory", 1, true))
    assert.equal("content", process.read_file(file))
  end)

  it("a folder in which it may not write", function()
    local folder = host.folder()
    assert(uv.fs_chmod(folder, 365)) -- 0555
    local code, text = refused(folder .. "/csi.sock", { prefix = unprivileged() })
    assert.equal(1, code)
    assert.truthy(text:find("no permission to create a socket in " .. folder, 1, true))
    assert.same({}, host.files_in(folder))
  end)

  it("a folder of another kind", function()
    local code, text = refused("/proc/csi.sock")
    assert.equal(1, code)
    assert.truthy(text:find("/proc holds no sockets", 1, true), text)
  end)

  it("a socket that it may not ask whether somebody listens", function()
    local folder = host.folder()
    local path = folder .. "/csi.sock"
    assert(uv.fs_chmod(folder, 511)) -- 0777
    host.serve { socket = path }
    assert(uv.fs_chmod(path, 0))
    local code, text = refused(path, { prefix = unprivileged() })
    assert.equal(1, code)
    assert.truthy(text:find("cannot ask whether another process is listening on " .. path, 1, true), text)
    assert.same({ "csi.sock" }, host.files_in(folder))
  end)

  it("a stale socket that it may not remove", function()
    local folder = host.folder()
    local path = folder .. "/csi.sock"
    leave_stale_socket(path)
    assert(uv.fs_chmod(path, 511)) -- 0777
    assert(uv.fs_chmod(folder, 365)) -- 0555
    local code, text = refused(path, { prefix = unprivileged() })
    assert(uv.fs_chmod(folder, 493)) -- 0755: teardown removes it
    assert.equal(1, code)
    assert.truthy(text:find("cannot remove the stale socket " .. path, 1, true), text)
    assert.same({ "csi.sock" }, host.files_in(folder))
  end)

  it("an address that is another host's", function()
    local code, text = refused("tcp://192.0.2.1:9000") -- of those kept for documentation
    assert.equal(1, code)
    assert.truthy(text:find("192.0.2.1 is no address of this host", 1, true), text)
  end)

  it("a file in the way, which stays", function()
    local path = host.folder() .. "/csi.sock"
    process.write_file(path, "precious")
    local code, text = refused(path)
    assert.equal(1, code)
    assert.truthy(text:find(path .. " exists and is not a socket", 1, true))
    assert.equal("precious", process.read_file(path))
  end)

  it("a folder in the way", function()
    local path = host.folder() .. "/csi.sock"
    assert(uv.fs_mkdir(path, 493))
    local code, text = refused(path)
    assert.equal(1, code)
    assert.truthy(text:find(path .. " exists and is not a socket", 1, true))
  end)

  it("a symbolic link in the way, which stays", function()
    local folder = host.folder()
    assert(uv.fs_symlink(folder .. "/elsewhere", folder .. "/csi.sock"))
    local code, text = refused(folder .. "/csi.sock")
    assert.equal(1, code)
    assert.truthy(text:find("csi.sock exists and is not a socket", 1, true))
    assert.same({ "csi.sock" }, host.files_in(folder))
  end)

  it("a socket on which another instance listens, and leaves it untouched", function()
    local server = host.serve { file = "examples/hello.lua" }
    local function identity()
      local stat = uv.fs_lstat(server.socket)
      return { stat.ino, stat.mode, stat.mtime, stat.ctime }
    end
    local before = identity()
    local code, text = refused(server.endpoint)
    assert.equal(2, code)
    assert.truthy(text:find("another process is already listening on " .. server.socket, 1, true))
    assert.same(before, identity())
    assert_answers(server.endpoint)
  end)

  it("a socket on which another program listens", function()
    local path = host.folder() .. "/csi.sock"
    local pipe = uv.new_pipe(false)
    assert(pipe:bind(path))
    assert(pipe:listen(1, function() end))
    local code, text = refused(path)
    pipe:close()
    assert.equal(2, code)
    assert.truthy(text:find("another process is already listening on " .. path, 1, true))
  end)

  it("a port on which another instance listens", function()
    local server = host.serve { endpoint = "tcp://127.0.0.1:" .. host.free_port() }
    local code, text = refused(server.endpoint)
    assert.equal(2, code)
    assert.truthy(text:find("another process is already listening on 127.0.0.1:", 1, true))
    assert_answers(server.endpoint)
  end)
end)

describe("the socket's file", function()
  after_each(host.teardown)

  local function mode_of(path)
    return ("%04o"):format(uv.fs_lstat(path).mode & 511)
  end

  it("belongs to its owner alone, whatever the umask", function()
    assert.equal("0600", mode_of(host.serve {}.socket))
    assert.equal("0600", mode_of(host.serve { prefix = through_shell "umask 000" }.socket))
  end)

  it("has the mode that --socket-mode says", function()
    local server = host.serve { flags = { "--socket-mode", "0660" }, prefix = through_shell "umask 077" }
    assert.equal("0660", mode_of(server.socket))
    assert.equal("0777", mode_of(host.serve { env = { LUACSI_SOCKET_MODE = "777" } }.socket))
  end)

  it("replaces one that was left behind", function()
    local path = host.folder() .. "/csi.sock"
    leave_stale_socket(path)
    local server = host.serve { socket = path }
    assert_answers(server.endpoint)
    assert.truthy(server:log():find('"Removed a stale socket" path="' .. path, 1, true))
    server:stop()
    assert.is_nil(uv.fs_lstat(path))
  end)

  it("is the only one in its folder, at any time", function()
    local folder = host.folder()
    local names = {}
    local watch = uv.new_fs_event()
    assert(watch:start(folder, {}, function(err, name)
      names[err or name] = true
    end))
    leave_stale_socket(folder .. "/csi.sock")
    local server = host.serve { socket = folder .. "/csi.sock" }
    refused(server.endpoint)
    server:stop()
    uv.run("nowait")
    watch:close()
    assert.same({ ["csi.sock"] = true }, names)
    assert.same({}, host.files_in(folder))
  end)

  it("is not removed at the end when it is another's", function()
    local path = host.folder() .. "/csi.sock"
    local child = serving(path)
    assert(uv.fs_unlink(path))
    process.write_file(path, "another's")
    stop(child)
    assert.equal("another's", process.read_file(path))
  end)

  it("may be gone at the end", function()
    local path = host.folder() .. "/csi.sock"
    local child = serving(path)
    assert(uv.fs_unlink(path))
    stop(child)
  end)

  it("should end in .sock: else a warning, but it serves", function()
    assert.truthy(host.serve { socket = host.folder() .. "/socket" }
      :wait_log('CSI wants the socket\'s name to end in .sock" endpoint="unix:///.-/socket"'))
    local named = host.serve {}
    named:wait_log '"Serving"'
    assert.is_nil(named:log():find("to end in .sock", 1, true))
    local tcp = host.serve { endpoint = "tcp://127.0.0.1:" .. host.free_port() }
    tcp:wait_log '"Serving"'
    assert.is_nil(tcp:log():find("to end in .sock", 1, true))
  end)
end)

describe("instances at the same time", function()
  after_each(host.teardown)

  -- Starts several on one path; exactly one must serve, and the others say why they do not.
  local function race(path)
    local winner = host.race(path, 5)
    assert_answers("unix://" .. path)
    stop(winner)
    assert.is_nil(uv.fs_lstat(path))
  end

  it("agree on one of them", function()
    for _ = 1, 3 do
      race(host.folder() .. "/csi.sock")
    end
  end)

  it("agree on one of them where a stale socket lies", function()
    for _ = 1, 3 do
      local path = host.folder() .. "/csi.sock"
      leave_stale_socket(path)
      race(path)
    end
  end)

  it("hand over: one ends, the next one starts", function()
    local path = host.folder() .. "/csi.sock"
    local old = serving(path)
    for _ = 1, 5 do
      old:signal("sigterm")
      local new
      assert(wait.for_(function() -- as something would that restarts it
        if not new or new.code then
          assert.equal(2, new and new.code or 2)
          new = host.start { "serve", "--endpoint", path }
        end
        return wait.for_(function()
          return new.code or new:stderr():find('"Serving"', 1, true)
        end) and not new.code
      end))
      assert.equal(0, old:wait())
      assert_answers("unix://" .. path)
      old = new
    end
    stop(old)
    assert.is_nil(uv.fs_lstat(path))
  end)
end)

describe("a server that has no file descriptors left", function()
  after_each(host.teardown)

  it("lets clients wait, and serves again once it has some", function()
    local limit = 48
    local server = host.serve { prefix = { "/usr/bin/prlimit", "--nofile=" .. limit } }
    local idle = {}
    for i = 1, limit do
      idle[i] = uv.new_pipe(false)
      idle[i]:connect(server.socket)
    end
    server:wait_log '"Cannot accept connections; clients wait".-error="Too many open files"'
    for _, pipe in ipairs(idle) do
      pipe:close()
    end
    uv.run("nowait")
    assert_answers(server.endpoint)
    server:wait_log '"Accepting connections again"'
    assert_answers(server.endpoint)
  end)
end)
