-- What a script may touch: nothing but what the flags --allow-... name, wherever a path leads to.

local uv = require "luv"
local host = require "spec.support.host"
local process = require "spec.support.process"

-- Probe does what the body says: it returns a text, and that becomes the message of ABORTED.
local function script_of(body)
  return [[
    local csi = require "csi"
    local function body() ]] .. body .. [[ end
    return {
      GetPluginInfo = { name = "permissions.example.com", vendor_version = "1" },
      Probe = function()
        csi.fail("ABORTED", tostring(body()))
      end,
    }
  ]]
end

-- What the body returns, or the error that it raises, under these flags.
local function outcome(body, flags, options)
  options = options or {}
  options.script, options.flags = script_of(body), flags
  local _, code, message = host.serve(options):connect():call("Probe")
  return code == "ABORTED" and message or code .. ": " .. message
end

local function assert_refused(message, flag)
  assert.matches("INTERNAL: .*: " .. flag:gsub("%-", "%%-"), message)
end

describe("permissions", function()
  local dir

  -- folder/file, folder-2/file, secret, and folder/out, a link to secret
  before_each(function()
    dir = host.folder()
    assert(uv.fs_mkdir(dir .. "/folder", 448))
    assert(uv.fs_mkdir(dir .. "/folder-2", 448))
    process.write_file(dir .. "/folder/file", "text")
    process.write_file(dir .. "/folder-2/file", "other")
    process.write_file(dir .. "/secret", "secret")
    assert(uv.fs_symlink("../secret", dir .. "/folder/out"))
  end)

  after_each(host.teardown)

  local function read(path, flags, options)
    return outcome(("local text, _, code = csi.read %q return text or code"):format(path), flags, options)
  end

  it("allow nothing at first; the error names the flag to add", function()
    local file = dir .. "/folder/file"
    assert.matches("csi.read: " .. file .. " is not allowed: add --allow-read=" .. file,
      read(file), 1, true)
    assert.matches("csi.stat: / is not allowed: add --allow-read=/", outcome 'csi.stat "/"', 1, true)
    assert.matches("csi.env: HOME is not allowed: add --allow-env=HOME", outcome 'csi.env "HOME"', 1, true)
  end)

  it("raise an error that a script can catch", function()
    assert.equal("false", outcome 'return (pcall(csi.read, "/etc/hostname"))')
  end)

  it("allow a file, and no other", function()
    local flags = { "--allow-read", dir .. "/folder/file" }
    assert.equal("text", read(dir .. "/folder/file", flags))
    assert.equal("text", read(dir .. "/folder-2/../folder//./file", flags))
    assert_refused(read(dir .. "/folder/out", flags), "csi.read")
    assert_refused(read(dir .. "/folder", flags), "csi.read")
  end)

  it("allow what lies in a folder, and nothing that a link in it leads to", function()
    local flags = { "--allow-read=" .. dir .. "/folder/" }
    assert.equal("text", read(dir .. "/folder/file", flags))
    assert.equal("NOT_FOUND", read(dir .. "/folder/no/such/file", flags))
    assert_refused(read(dir .. "/folder/out", flags), "csi.read")
    assert_refused(read(dir .. "/folder/../secret", flags), "csi.read")
    assert_refused(read(dir .. "/folder/no/../../secret", flags), "csi.read")
    assert_refused(read(dir .. "/folder-2/file", flags), "csi.read")
    assert_refused(read("/proc/self/root" .. dir .. "/secret", flags), "csi.read")
  end)

  it("follow a link to nothing before they say yes", function()
    assert(uv.fs_symlink(dir .. "/not-yet", dir .. "/folder/dangling"))
    assert_refused(read(dir .. "/folder/dangling", { "--allow-read", dir .. "/folder" }), "csi.read")
  end)

  it("allow the target of a link that was named, also when it changes", function()
    local body = ("return csi.read %q"):format(dir .. "/link")
    assert(uv.fs_symlink("folder/file", dir .. "/link"))
    local connection = host.serve {
      script = script_of(body), flags = { "--allow-read", dir .. "/link" },
    }:connect()
    assert.equal("text", select(3, connection:call("Probe")))
    assert(uv.fs_unlink(dir .. "/link"))
    assert(uv.fs_symlink("folder-2/file", dir .. "/link"))
    assert.equal("other", select(3, connection:call("Probe")))
  end)

  it("take paths from the working directory", function()
    assert.equal("text", read("folder/file", { "--allow-read=folder" }, { cwd = dir }))
  end)

  it("come as lists, repeated, or from the environment", function()
    local a, b = dir .. "/folder/file", dir .. "/folder-2/file"
    local body = ("return csi.read(%q) .. csi.read(%q)"):format(a, b)
    assert.equal("textother", outcome(body, { "--allow-read", a .. "," .. b }))
    assert.equal("textother", outcome(body, { "--allow-read", a, "--allow-read", b }))
    assert.equal("textother", outcome(body, nil, { env = { LUACSI_ALLOW_READ = a .. "," .. b } }))
  end)

  it("show environment variables by name", function()
    local options = { env = { SPEC_A = "one", SPEC_B = "two" } }
    local flags = { "--allow-env=SPEC_A,SPEC_C" }
    local body = 'return csi.env "SPEC_A" .. " " .. tostring(csi.env "SPEC_C")'
    assert.equal("one nil", outcome(body, flags, options))
    assert_refused(outcome('csi.env "SPEC_B"', flags, options), "csi.env")
    assert_refused(outcome('csi.env "SPEC_A\\0x"', flags, options), "bad argument #1")
  end)

  describe("to run programs", function()
    local function run(program, flags, options)
      local body = "local status, text, code = csi.exec { %q } return status and text or code"
      return outcome(body:format(program), flags, options)
    end

    -- tools/one and tools/two, links to one program that prints the name that it is called by
    before_each(function()
      assert(uv.fs_mkdir(dir .. "/tools", 448))
      process.write_file(dir .. "/program", '#!/bin/sh\necho "${0##*/}"\n')
      assert(uv.fs_chmod(dir .. "/program", 448))
      assert(uv.fs_symlink("../program", dir .. "/tools/one"))
      assert(uv.fs_symlink("../program", dir .. "/tools/two"))
    end)

    it("are not there at first", function()
      assert.matches("csi.exec: true is not allowed: add --allow-exec=true", run("true"), 1, true)
      assert_refused(run("/bin/sh", { "--allow-read=/" }), "csi.exec")
    end)

    it("name a program by its path or by a name in PATH, and it may be called either way", function()
      local options = { env = { PATH = "/nowhere:" .. dir .. "/tools:/usr/bin:/bin" } }
      for _, allowed in ipairs { "one", dir .. "/tools/one", dir .. "/folder/../tools/one" } do
        for _, called in ipairs { "one", dir .. "/tools/one" } do
          assert.equal("one\n", run(called, { "--allow-exec", allowed }, options))
        end
      end
    end)

    it("do not stretch to another name of the same file", function()
      local options = { env = { PATH = dir .. "/tools:/usr/bin:/bin" } }
      assert_refused(run("two", { "--allow-exec=one" }, options), "csi.exec")
      assert_refused(run(dir .. "/program", { "--allow-exec=one" }, options), "csi.exec")
    end)

    it("tell a program that is missing from one that is not allowed", function()
      local missing = dir .. "/missing"
      assert.equal("NOT_FOUND", run(missing, { "--allow-exec", missing }))
      assert.equal("NOT_FOUND", run("no-such-program", { "--allow-exec=no-such-program" }))
      assert_refused(run(missing, { "--allow-exec=missing" }), "csi.exec")
    end)
  end)

  describe("to connect", function()
    local function connect(address, flags)
      local body = ("local good, _, code = csi.connect %q return good or code"):format(address)
      return outcome(body, flags)
    end

    it("are not there at first", function()
      assert.matches("csi.connect: localhost:1 is not allowed: add --allow-net=localhost:1",
        connect "tcp://localhost:1", 1, true)
      assert.matches("csi.connect: unix:/run/x.sock is not allowed: add --allow-net=unix:/run/x.sock",
        connect "unix:///run/x.sock", 1, true)
    end)

    it("name a host and a port, or any port", function()
      local port = host.free_port()
      local there = "tcp://127.0.0.1:" .. port
      assert.equal("UNAVAILABLE", connect(there, { "--allow-net=127.0.0.1:" .. port }))
      assert.equal("UNAVAILABLE", connect(there, { "--allow-net=example.com:80,127.0.0.1:*" }))
      assert_refused(connect(there, { "--allow-net=127.0.0.1:1" }), "csi.connect")
      assert_refused(connect(there, { "--allow-net=localhost:" .. port }), "csi.connect")
      assert_refused(connect("tcp://[::1]:" .. port, { "--allow-net=[::2]:*,[::1]:1" }), "csi.connect")
    end)

    it("name a UNIX socket, or a folder of them", function()
      local other = host.serve { file = "examples/hello.lua" }
      local there = "unix://" .. other.socket
      assert.equal("true", connect(there, { "--allow-net=unix:" .. other.socket }))
      assert.equal("true", connect(there, { "--allow-net=unix:" .. other.run_dir }))
      assert_refused(connect(there, { "--allow-net=unix:" .. dir }), "csi.connect")
      assert(uv.fs_symlink(other.socket, dir .. "/link.sock"))
      assert_refused(connect("unix://" .. dir .. "/link.sock", { "--allow-net=unix:" .. dir }), "csi.connect")
    end)
  end)

  it("are all given by --allow-all", function()
    assert.equal("secret", read(dir .. "/secret", { "--allow-all" }))
    assert.equal("one", outcome('return csi.env "SPEC_A"', { "--allow-all" }, { env = { SPEC_A = "one" } }))
  end)

  it("are not needed for the script and its modules", function()
    process.write_file(dir .. "/module.lua", 'return "from the module"')
    process.write_file(dir .. "/script.lua", 'local text = require "module"\n' .. script_of "return text")
    local connection = host.serve { file = dir .. "/script.lua" }:connect()
    assert.equal("from the module", select(3, connection:call("Probe")))
  end)

  it("hold for luacsi check as well", function()
    local file = dir .. "/script.lua"
    process.write_file(file, [[
      local csi = require "csi"
      return {
        GetPluginInfo = { name = "permissions.example.com", vendor_version = "1" },
        Probe = function() return { ready = csi.stat "/" ~= nil } end,
      }
    ]])
    local result = host.run { "check", file }
    assert.equal(1, result.code)
    assert.matches("csi.stat: / is not allowed: add --allow-read=/", result.stdout, 1, true)
    assert.same({ code = 0, stdout = file .. ": ok\n", stderr = "" },
      host.run { "check", "--allow-read=/", file })
  end)

  it("refuse flags that make no sense", function()
    for flag, complaint in pairs {
      ["--allow-read="] = "--allow-read: expected names with commas between",
      ["--allow-env=A,,B"] = "--allow-env: expected names with commas between",
      ["--allow-net=localhost"] = '--allow-net: expected host:port, host:* or unix:PATH, got "localhost"',
      ["--allow-net=localhost:0"] = '--allow-net: expected host:port, host:* or unix:PATH, got "localhost:0"',
    } do
      assert.same({ code = 2, stdout = "", stderr = "luacsi serve: " .. complaint .. "\n" },
        host.serve_refused { file = "examples/hello.lua", flags = { flag } })
    end
  end)
end)
