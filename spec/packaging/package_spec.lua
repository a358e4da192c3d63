-- The packages: the Debian package is installed with dpkg into a folder, serves, and is removed without a
-- trace; the tar file of the sources is whole; the rock of the Lua client installs.

local command = require "spec.support.command"
local folder = require "spec.support.folder"
local host = require "spec.support.host"
local luacsi = require "luacsi"
local process = require "spec.support.process"
local uv = require "luv"

local HERE = uv.cwd()
local VERSION = luacsi.version
local ARCHITECTURE = command.output({ "dpkg", "--print-architecture" }):match("%S+")
local DEB = ("%s/build/luacsi_%s_%s.deb"):format(HERE, VERSION, ARCHITECTURE)
local TAR = ("%s/build/luacsi-%s.tar.gz"):format(HERE, VERSION)

after_each(function()
  host.teardown()
  folder.remove_all()
end)

-- dpkg on a system of its own below root. fakeroot, so that not only root can do it; --force-depends, since
-- no other package is there.
local function dpkg(root, ...)
  return command.output { "fakeroot", "dpkg", "--root=" .. root, "--log=" .. root .. "/var/log/dpkg.log",
    "--force-not-root", "--force-script-chrootless", "--force-depends", ... }
end

local function install()
  local root = folder.make { ["var/log/"] = "", ["var/lib/dpkg/info/"] = "", ["var/lib/dpkg/updates/"] = "",
    ["var/lib/dpkg/status"] = "" }
  dpkg(root, "--install", DEB)
  return root
end

local function field(name)
  return command.output({ "dpkg-deb", "--field", DEB, name }):match("^(.*)\n$")
end

local function exists(path)
  return uv.fs_stat(path) ~= nil
end

describe("the Debian package", function()
  it("says what it is and what it needs", function()
    assert.same({ "luacsi", VERSION, ARCHITECTURE },
      { field "Package", field "Version", field "Architecture" })
    assert.truthy(field("Depends"):find("^libc6 %(>= [%d.]+%)$"), field "Depends")
    assert.truthy(field("Recommends"):find("libcurl4, libgrpc%d+ "), field "Recommends")
    assert.truthy(field("Static-Built-Using"):find("%f[%w]grpc %(= "), field "Static-Built-Using")
  end)

  it("has a binary that links nothing but what it depends on", function()
    local linked = {}
    local told = command.output { "ldd", install() .. "/usr/bin/luacsi" }
    for library in told:gmatch("/[^ ]*/([%w_+-]+)%.so") do
      linked[library] = true
    end
    linked["ld-linux-x86-64"], linked["ld-linux-aarch64"] = nil, nil
    assert.same({ libc = true, libm = true }, linked)
  end)

  it("serves and answers from where it was installed", function()
    local root = install()
    local program, run = root .. "/usr/bin/luacsi", host.folder()
    local endpoint = "unix://" .. run .. "/csi.sock"
    local server = process.start({ program, "serve", root .. "/usr/share/doc/luacsi/examples/hello.lua" },
      { dir = folder.make(), env = { CSI_ENDPOINT = endpoint } })
    assert(require("spec.support.wait").for_(function() return host.listens(endpoint) end), server:stderr())
    assert.equal("ready\n", command.output({ program, "probe" }, { env = { CSI_ENDPOINT = endpoint } }))
    local library = command.output({ "find", root .. "/usr/lib", "-name", "luacsi.so" }):match("%S+")
    local script = ("print(require('luacsi').connect('%s'):call('GetPluginInfo').name)"):format(endpoint)
    assert.equal("hello.csi.example.com\n", command.output({ "lua5.4", "-e", script },
      { env = { LUA_CPATH = library:gsub("luacsi%.so$", "?.so") } }))
    server:signal("sigterm")
    assert.equal(0, server:wait())
    assert.same({}, host.files_in(run))
  end)

  it("puts the Lua client where Debian's Lua looks", function()
    local library = command.output({ "find", install(), "-name", "luacsi.so", "-printf", "/%P" })
    local paths = command.output({ "lua5.4", "-e", "print(package.cpath)" }, { env = { LUA_CPATH = false } })
    assert.truthy(paths:find(library:gsub("luacsi%.so$", "?.so"), 1, true), library)
  end)

  it("has the manual, the completions, documents, notices and the unit", function()
    local root = install() .. "/usr/"
    for _, name in ipairs(host.files_in("build/manual")) do
      local section = name:match("%.(%d)$")
      if section then
        assert(exists(("%sshare/man/man%s/%s.gz"):format(root, section, name)), name)
      end
    end
    for _, name in ipairs {
      "share/bash-completion/completions/luacsi", "share/zsh/vendor-completions/_luacsi",
      "share/fish/vendor_completions.d/luacsi.fish", "share/doc/luacsi/scripting.md",
      "share/doc/luacsi/copyright", "share/doc/luacsi/changelog.gz", "share/doc/luacsi/linked/libgrpc-dev",
      "lib/systemd/system/luacsi@.service",
    } do
      assert(exists(root .. name), name)
    end
  end)

  it("has files as its sums say, which only root may change", function()
    local root = install()
    command.output({ "md5sum", "--check", "--quiet", root .. "/var/lib/dpkg/info/luacsi.md5sums" },
      { cwd = root })
    local contents = command.output { "dpkg-deb", "--contents", DEB }
    for mode, owner, name in contents:gmatch("(%S+) (%S+)[^\n]* (%./[^\n]*)") do
      assert.truthy(owner == "root/root" and mode:find("^[-d]rw[x-]r%-[x-]r%-[x-]$"), mode .. " " .. name)
    end
  end)

  it("runs specs with luacsi.testing, and has the definitions for editors", function()
    local root = install()
    local spec = [[
      it("serves", function()
        local testing = require "luacsi.testing"
        finally(testing.teardown)
        assert(testing.start({ text = "return {}" }):call("Probe").ready)
      end)
    ]]
    local dir = folder.make { ["spec/a_spec.lua"] = spec }
    local library = command.output({ "find", root .. "/usr/lib", "-name", "luacsi.so" }):match("%S+")
    command.output({ root .. "/usr/bin/luacsi", "test", dir },
      { env = { LUA_CPATH = library:gsub("luacsi%.so$", "?.so") .. ";;" } })
    assert(exists(root .. "/usr/share/luacsi/definitions/csi.lua"))
  end)

  it("leaves nothing behind", function()
    local root = install()
    dpkg(root, "--purge", "luacsi")
    assert.equal("", command.output { "find", root, "-mindepth", "1", "-path", root .. "/var", "-prune",
      "-o", "-print" })
  end)

  it("has a unit that systemd takes, and that is confined", function()
    local root = install()
    local unit = process.read_file(root .. "/usr/lib/systemd/system/luacsi@.service")
    local instance = folder.make { -- of which the program is there
      ["luacsi@hello.service"] = unit:gsub("ExecStart=", "ExecStart=" .. root),
    } .. "/luacsi@hello.service"
    local verified = command.run { "systemd-analyze", "verify", "--man=no", instance }
    assert.falsy(verified.stderr:find("luacsi@", 1, true), verified.stderr)
    command.output { "systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold=20",
      instance }
  end)
end)

describe("make install", function()
  it("puts everything under PREFIX", function()
    local root = folder.make()
    command.output { "make", "-s", "install", "DESTDIR=" .. root, "PREFIX=/opt/luacsi" }
    assert.same({ "opt" }, host.files_in(root))
    assert.truthy(process.read_file(root .. "/opt/luacsi/lib/systemd/system/luacsi@.service")
      :find("\nExecStart=/opt/luacsi/bin/luacsi serve ", 1, true))
    assert.equal(("luacsi %s (CSI 1.12.0)\n"):format(VERSION),
      command.output { root .. "/opt/luacsi/bin/luacsi", "--version" })
  end)
end)

describe("make dist", function()
  it("packs sources that know how to build all", function()
    local dir = folder.make()
    command.output { "tar", "--extract", "--file", TAR, "--directory", dir }
    local sources = ("%s/luacsi-%s"):format(dir, VERSION)
    command.output { "make", "-C", sources, "--dry-run", "all", "manual" }
    for _, name in ipairs { "LICENSE", "docs/scripting.md", "spec/packaging/package_spec.lua" } do
      assert(exists(sources .. "/" .. name), name)
    end
    assert.falsy(exists(sources .. "/build"))
  end)

  it("gives the same bytes for the same sources", function()
    local sum = command.output { "sha256sum", TAR }
    command.output { "make", "-s", "dist" }
    assert.equal(sum, command.output { "sha256sum", TAR })
  end)
end)

describe("the rock", function()
  it("installs the Lua client", function()
    local home = folder.make()
    local rock = ("luacsi-%s-1.rockspec"):format(VERSION)
    command.output({ "luarocks", "--lua-version=5.4", "--tree=" .. home .. "/tree", "make", rock },
      { env = { HOME = home }, limit = 60 })
    assert.equal(VERSION .. "\n", command.output({ "lua5.4", "-e", "print(require('luacsi').version)" },
      { env = { LUA_CPATH = home .. "/tree/lib/lua/5.4/?.so" }, cwd = home }))
    local ready = [[print(require("luacsi.testing").load({ text = "return {}" }):call("Probe").ready)]]
    assert.equal("true\n", command.output({ "lua5.4", "-e", ready },
      { env = { LUA_CPATH = home .. "/tree/lib/lua/5.4/?.so" }, cwd = home }))
    local text = process.read_file(rock)
    assert.truthy(text:find(('version = "%s-1"'):format(VERSION), 1, true))
    assert.truthy(text:find(("luacsi-%s.tar.gz"):format(VERSION), 1, true))
  end)
end)
