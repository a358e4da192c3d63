-- Landlock: the kernel holds the process to what its flags allow, and everything goes on to work.

local uv = require "luv"
local host = require "spec.support.host"
local process = require "spec.support.process"
local wait = require "spec.support.wait"

-- valgrind knows nothing of Landlock; else the kernel says whether it has it.
local function kernel_has_landlock()
  return not os.getenv("LUACSI_WRAPPER") and process.read_file("/proc/kallsyms"):find("landlock_", 1, true)
end

-- The text as a pattern.
local function plain(text)
  return (text:gsub("%p", "%%%0"))
end

-- A script whose Probe tells what csi.read gives for --set file=PATH.
local SCRIPT = [[
  local csi = require "csi"
  csi.store.incr("loads")
  return {
    GetPluginInfo = { name = "confine.example.com", vendor_version = "1" },
    Probe = function()
      csi.store.incr("calls")
      local text, _, code = csi.read(csi.config.file)
      csi.fail("ABORTED", text or code)
    end,
  }
]]

describe("a confined process", function()
  local dir

  -- script/here/script.lua, data/here/file, and secret, which is in none of their folders
  before_each(function()
    dir = host.folder()
    for _, folder in ipairs { "/script", "/script/here", "/data", "/data/here", "/state" } do
      assert(uv.fs_mkdir(dir .. folder, 448))
    end
    process.write_file(dir .. "/script/here/script.lua", SCRIPT)
    process.write_file(dir .. "/data/here/file", "text")
    process.write_file(dir .. "/secret", "secret")
  end)

  after_each(host.teardown)

  local function serve(path, ...)
    return host.serve {
      file = dir .. "/script/here/script.lua",
      flags = { "--set", "file=" .. path, "--allow-read", path, ... },
    }
  end

  local function assert_reads(text, connection)
    assert.equal(text, select(3, connection:call("Probe")))
  end

  local function new_privileges(server)
    local values = {}
    local tasks = "/proc/" .. server.process.pid .. "/task"
    for _, task in ipairs(host.files_in(tasks)) do
      values[process.read_file(tasks .. "/" .. task .. "/status"):match("NoNewPrivs:%s*(%d)")] = true
    end
    return values
  end

  it("says what is in force, for all its threads", function()
    local server = serve(dir .. "/data/here/file")
    if kernel_has_landlock() then
      local pattern = '"Confined by Landlock" abi=%%d+ read="[^"]*%s/script" write="%s" '
        .. 'connect="none" run="none"'
      server:wait_log(pattern:format(plain(dir), plain(server.run_dir)))
      assert.same({ ["1"] = true }, new_privileges(server))
    else
      server:wait_log('"Not confined by Landlock" reason="[^"]*Landlock[^"]*"')
    end
  end)

  it("cannot read what only a changed link leads to", function()
    assert(uv.fs_symlink("file", dir .. "/data/here/link"))
    local connection = serve(dir .. "/data/here/link"):connect()
    assert_reads("text", connection)
    assert(uv.fs_unlink(dir .. "/data/here/link"))
    assert(uv.fs_symlink("../../secret", dir .. "/data/here/link"))
    assert_reads(kernel_has_landlock() and "PERMISSION_DENIED" or "secret", connection)
  end)

  it("reads a file that is replaced, in a folder that is made again", function()
    local connection = serve(dir .. "/data/here/file"):connect()
    assert_reads("text", connection)
    process.write_file(dir .. "/data/here/new", "replaced")
    assert(uv.fs_rename(dir .. "/data/here/new", dir .. "/data/here/file"))
    assert_reads("replaced", connection)
    assert(uv.fs_unlink(dir .. "/data/here/file"))
    assert(uv.fs_rmdir(dir .. "/data/here"))
    assert_reads("NOT_FOUND", connection)
    assert(uv.fs_mkdir(dir .. "/data/here", 448))
    process.write_file(dir .. "/data/here/file", "again")
    assert_reads("again", connection)
  end)

  it("reads through links that are swapped, as in a volume of Kubernetes", function()
    local function publish(name, text)
      assert(uv.fs_mkdir(dir .. "/data/here/" .. name, 448))
      process.write_file(dir .. "/data/here/" .. name .. "/ready", text)
      assert(uv.fs_symlink(name, dir .. "/data/here/..tmp"))
      assert(uv.fs_rename(dir .. "/data/here/..tmp", dir .. "/data/here/..data"))
    end
    publish("..2024", "first")
    assert(uv.fs_symlink("..data/ready", dir .. "/data/here/ready"))
    local connection = serve(dir .. "/data/here/ready"):connect()
    assert_reads("first", connection)
    publish("..2025", "second")
    assert_reads("second", connection)
  end)

  it("takes up a script that is saved anew", function()
    local script = dir .. "/script/here/script.lua"
    local server = serve(dir .. "/data/here/file")
    local connection = server:connect()
    assert_reads("text", connection)
    process.write_file(dir .. "/new.lua", (SCRIPT:gsub("confine.example.com", "changed.example.com")))
    assert(uv.fs_rename(dir .. "/new.lua", script))
    assert(wait.for_(function()
      return connection:call("GetPluginInfo").name == "changed.example.com"
    end))
  end)

  it("takes up a script behind a link that leads to another folder now", function()
    local function publish(name)
      assert(uv.fs_mkdir(dir .. "/script/" .. name, 448))
      process.write_file(dir .. "/script/" .. name .. "/script.lua",
        (SCRIPT:gsub("confine.example.com", name .. ".example.com")))
      assert(uv.fs_symlink(name, dir .. "/script/next"))
      assert(uv.fs_rename(dir .. "/script/next", dir .. "/script/current"))
    end
    publish "first"
    local connection = host.serve { file = dir .. "/script/current/script.lua" }:connect()
    assert.equal("first.example.com", connection:call("GetPluginInfo").name)
    publish "second"
    assert(wait.for_(function()
      return connection:call("GetPluginInfo").name == "second.example.com"
    end))
  end)

  it("finds hosts by name, and connects to them", function()
    local server = uv.new_tcp()
    assert(server:bind("127.0.0.1", 0))
    assert(server:listen(1, function() end))
    finally(function() server:close() end)
    local address = "localhost:" .. server:getsockname().port
    local connection = host.serve {
      script = [[
        local csi = require "csi"
        return {
          GetPluginInfo = { name = "confine.example.com", vendor_version = "1" },
          Probe = function()
            local good, message = csi.connect("tcp://" .. csi.config.address)
            csi.fail("ABORTED", good and "connected" or message)
          end,
        }
      ]],
      flags = { "--set", "address=" .. address, "--allow-net=" .. address },
    }:connect()
    assert_reads("connected", connection)
  end)

  it("saves its state, and removes its socket at the end", function()
    local file = dir .. "/state/file"
    local server = serve(dir .. "/data/here/file", "--state", file)
    assert_reads("text", server:connect())
    assert(wait.for_(function()
      return uv.fs_stat(file) and process.read_file(file):find('"key":"calls","value":1', 1, true)
    end))
    server:stop() -- which looks for files left beside the socket
  end)

  it("is not confined where it would bind the programs that it may run, and says so", function()
    for flag, reason in pairs {
      ["--allow-exec=true"] = "the programs of --allow-exec would be confined, too",
      ["--allow-all"] = "--allow-all",
    } do
      local server = serve(dir .. "/data/here/file", flag)
      server:wait_log('"Not confined by Landlock" reason="' .. plain(reason) .. '"')
      assert.same({ ["0"] = true }, new_privileges(server))
    end
  end)

  it("may connect to the ports that are allowed, and no others", function()
    local server = serve(dir .. "/data/here/file", "--allow-net=127.0.0.1:8080,unix:/run/x.sock")
    if kernel_has_landlock() then
      server:wait_log('read="[^"]*/etc[^"]*" .* connect="8080,53"')
    end
    server = serve(dir .. "/data/here/file", "--allow-net=127.0.0.1:8080,localhost:*")
    if kernel_has_landlock() then
      server:wait_log('connect="%*"')
    end
  end)
end)
