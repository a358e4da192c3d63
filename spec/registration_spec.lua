-- luacsi serve --plugin-registration-path: the driver registers itself with the kubelet, as
-- node-driver-registrar does beside a driver. The specs play the kubelet.

local host = require "spec.support.host"
local http = require "spec.support.http"
local luacsi = require "luacsi"
local process = require "spec.support.process"
local prometheus = require "spec.support.prometheus"
local uv = require "luv"
local wait = require "spec.support.wait"

local GET_INFO = "pluginregistration.Registration/GetInfo"
local NOTIFY = "pluginregistration.Registration/NotifyRegistrationStatus"
local KUBELET_PATH = "/var/lib/kubelet/plugins/a.example.com/csi.sock"

local function script(name)
  return ('return { GetPluginInfo = { name = "%s", vendor_version = "1" } }'):format(name)
end

describe("registration with the kubelet", function()
  local folder, server

  before_each(function()
    folder = host.folder()
  end)

  after_each(host.teardown)

  local function path_of(name)
    return folder .. "/" .. name .. "-reg.sock"
  end

  local function flags(more)
    local list = {
      "--kubelet-registration-path", KUBELET_PATH, "--plugin-registration-path", folder, "--no-watch",
    }
    return table.move(more or {}, 1, #(more or {}), #list + 1, list)
  end

  local function serve(options)
    options.flags = flags(options.flags)
    server = host.serve(options)
    return server
  end

  -- Calls as the kubelet: on a connection of its own.
  local function ask(name, method, request)
    local connection = assert(luacsi.connect("unix://" .. path_of(name)))
    local reply, code, message = connection:call(method, request or {})
    connection:close()
    return reply, code, message
  end

  -- Waits for the offer under this name; gives the inode of its socket.
  local function offered(name)
    assert(wait.for_(function() return host.listens("unix://" .. path_of(name)) end), server:log())
    return uv.fs_lstat(path_of(name)).ino
  end

  local function status()
    local reply = assert(luacsi.json.decode(server:run({ "status", "--json" }).stdout))
    return { reply.registration, reply.registration_error }
  end

  local function reload(text)
    process.write_file(server.dir .. "/script.lua", text)
    server:signal "sighup"
    server:wait_log '"Script reloaded"'
  end

  it("offers the driver on a socket that only the own user may open, and removes it at the end", function()
    serve { script = script "a.example.com" }
    offered "a.example.com"
    assert.same({
      type = "CSIPlugin", name = "a.example.com", endpoint = KUBELET_PATH, supported_versions = { "1.0.0" },
    }, ask("a.example.com", GET_INFO))
    assert.equal(384, uv.fs_lstat(path_of "a.example.com").mode & 511) -- 0600
    assert.same({ "a.example.com-reg.sock" }, host.files_in(folder))
    server:stop()
    assert.same({}, host.files_in(folder))
  end)

  it("is off unless asked for", function()
    server = host.serve { script = script "a.example.com" }
    assert.same({ "", "" }, status())
  end)

  it("waits for the name that a handler makes", function()
    serve { script = [[
      local csi = require "csi"
      return { GetPluginInfo = function()
        csi.sleep(0.05)
        return { name = "made.example.com", vendor_version = "1" }
      end }
    ]] }
    offered "made.example.com"
    assert.equal("made.example.com", ask("made.example.com", GET_INFO).name)
  end)

  it("keeps the two sockets apart", function()
    serve { script = script "a.example.com" }
    offered "a.example.com"
    local _, code = ask("a.example.com", "GetPluginInfo")
    assert.equal("UNIMPLEMENTED", code)
    _, code = server:connect():call(GET_INFO, {})
    assert.equal("UNIMPLEMENTED", code)
    assert.equal("a.example.com", server:connect():call("GetPluginInfo").name)
  end)

  it("tells in the log, the status and the metrics what became of it", function()
    local port = host.free_port()
    serve { script = script "a.example.com", flags = { "--http-endpoint", "127.0.0.1:" .. port } }
    local function registered()
      return prometheus.value(prometheus.parse(http.get(port, "/metrics").body), "luacsi_kubelet_registered")
    end
    offered "a.example.com"
    http.wait_for(port)
    assert.same({ { "offered", "" }, 0 }, { status(), registered() })
    assert.same({}, ask("a.example.com", NOTIFY, { plugin_registered = true }))
    assert.same({ { "registered", "" }, 1 }, { status(), registered() })
    assert.matches("\nregistration +registered\n", server:run({ "status" }).stdout)
    server:wait_log '"Driver is offered to the kubelet" driver="a.example.com" socket="[^"]+%-reg%.sock"'
    server:wait_log '"Registered with the kubelet" driver="a.example.com"'
  end)

  it("offers the driver again when the kubelet refuses it", function()
    serve { script = script "a.example.com" }
    for i = 1, 2 do
      offered "a.example.com"
      assert.same({}, ask("a.example.com", NOTIFY, { error = "NodeGetInfo failed: " .. i }))
      server:wait_log('"The kubelet refused the driver; it is offered again" driver="a.example.com" '
        .. 'reason="NodeGetInfo failed: ' .. i .. '"')
      assert(wait.for_(function()
        return select(2, server:log():gsub('"Driver is offered', "")) == i + 1
      end), server:log())
    end
    offered "a.example.com"
    assert.same({}, ask("a.example.com", NOTIFY, { plugin_registered = true }))
    assert.same({ "registered", "" }, status())
  end)

  it("says that it was refused, meanwhile", function()
    serve { script = script "a.example.com" }
    local now
    assert(wait.for_(function() -- it is offered again soon, but later each time
      pcall(ask, "a.example.com", NOTIFY, { error = "no" })
      now = status()
      return now[1] == "refused"
    end))
    assert.equal("no", now[2])
  end)

  it("follows the driver's name over a reload", function()
    serve { script = script "a.example.com" }
    offered "a.example.com"
    reload(script "b.example.com")
    offered "b.example.com"
    assert.same({ "b.example.com-reg.sock" }, host.files_in(folder))
    assert.equal("b.example.com", ask("b.example.com", GET_INFO).name)
  end)

  it("stays as it is over a reload that keeps the name", function()
    serve { script = script "a.example.com" }
    local before = offered "a.example.com"
    ask("a.example.com", NOTIFY, { plugin_registered = true })
    reload(script "a.example.com" .. " -- changed")
    server:run { "info" }
    assert.same({ before, { "registered", "" } }, { offered "a.example.com", status() })
  end)

  it("waits for a script that says a name", function()
    serve { script = [[
      local csi = require "csi"
      return { GetPluginInfo = function() csi.fail("UNAVAILABLE", "not yet") end }
    ]] }
    server:wait_log '"Cannot offer the driver to the kubelet; it is tried again until it can" '
    assert.same({ { "waiting", "GetPluginInfo is UNAVAILABLE: not yet" }, {} },
      { status(), host.files_in(folder) })
    reload(script "late.example.com")
    offered "late.example.com"
    assert.same({ "offered", "" }, status())
  end)

  it("tries by itself, and says only once why not", function()
    serve { script = [[
      local csi = require "csi"
      local asked = 0
      return { GetPluginInfo = function()
        asked = asked + 1
        if asked < 3 then csi.fail("UNAVAILABLE", "not yet") end
        return { name = "third.example.com", vendor_version = "1" }
      end }
    ]] }
    offered "third.example.com"
    assert.equal(1, select(2, server:log():gsub('"Cannot offer', "")))
  end)

  it("says that a script has no name at all", function()
    serve { script = "return {}" }
    server:wait_log "GetPluginInfo is UNIMPLEMENTED: the script has no such handler"
  end)

  it("makes no path of a name that is none", function()
    for _, name in ipairs { "../a", "a/b", ".", "", ("a"):rep(64) } do
      serve { script = script(name), flags = { "--validate=off" } }
      server:wait_log '"Cannot offer the driver to the kubelet'
      assert.matches("is no name for a driver", status()[2])
      server:stop()
    end
    assert.same({}, host.files_in(folder))
  end)

  it("says when the path is too long for a socket", function()
    folder = folder .. "/" .. ("d"):rep(60)
    assert(uv.fs_mkdir(folder, 493))
    serve { script = script(("n"):rep(60)) }
    server:wait_log "is too long for a socket"
  end)

  it("replaces a socket that nobody listens on", function()
    local stale = uv.new_pipe(false)
    assert(stale:bind(path_of "a.example.com"))
    assert(uv.fs_rename(path_of "a.example.com", folder .. "/kept")) -- libuv would remove it
    stale:close()
    assert(uv.fs_rename(folder .. "/kept", path_of "a.example.com"))
    serve { script = script "a.example.com" }
    offered "a.example.com"
    assert.same({ "a.example.com-reg.sock" }, host.files_in(folder))
  end)

  it("leaves another process its socket, and comes when that is gone", function()
    local other = host.serve { socket = path_of "a.example.com", script = script "other.example.com" }
    serve { script = script "a.example.com" }
    server:wait_log "another process is already listening on"
    other:stop()
    offered "a.example.com"
    assert.equal("a.example.com", ask("a.example.com", GET_INFO).name)
  end)

  it("ends while a client is connected and a call is under way", function()
    serve { script = script "a.example.com" }
    offered "a.example.com"
    local connection = assert(luacsi.connect("unix://" .. path_of "a.example.com"))
    assert(connection:call(GET_INFO, {}))
    server:stop()
    connection:close()
    assert.same({}, host.files_in(folder))
  end)

  it("ends while it asks for the name", function()
    serve { script = [[
      local csi = require "csi"
      return { GetPluginInfo = function() csi.log.info("asked") csi.sleep(60) end }
    ]] }
    server:wait_log '"asked"'
    server:stop()
  end)

  it("survives a handler that is stuck", function()
    serve {
      flags = { "--handler-cpu=100ms" },
      script = [[
        local csi = require "csi"
        return { GetPluginInfo = function()
          if csi.store.incr("asked") == 1 then
            string.find(("a"):rep(3000), ("a-"):rep(6) .. "b")
          end
          return { name = "unstuck.example.com", vendor_version = "1" }
        end }
      ]],
    }
    offered "unstuck.example.com"
  end)

  describe("is refused in one line:", function()
    local function assert_refused(told, arguments, code)
      local result = host.run(table.move(arguments, 1, #arguments, 2, { "serve" }))
      assert.same({ code = code or 2, stdout = "", stderr = "luacsi serve: " .. told .. "\n" }, result)
    end

    it("one flag without the other", function()
      assert_refused("--kubelet-registration-path needs --plugin-registration-path, too",
        { "--kubelet-registration-path", KUBELET_PATH })
      assert_refused("--plugin-registration-path needs --kubelet-registration-path, too",
        { "--plugin-registration-path", folder })
    end)

    it("a path that is not absolute", function()
      for _, path in ipairs { "csi.sock", "unix:///csi.sock", "/" } do
        assert_refused("--kubelet-registration-path: expected the absolute path of the CSI socket as the "
          .. 'kubelet sees it, such as /var/lib/kubelet/plugins/NAME/csi.sock, got "' .. path .. '"',
          { "--kubelet-registration-path", path, "--plugin-registration-path", folder })
      end
      assert_refused('--plugin-registration-path: expected the absolute path of a directory, got "here"',
        { "--plugin-registration-path", "here" })
    end)

    it("a directory that is none", function()
      assert_refused("--plugin-registration-path: /nowhere: No such file or directory",
        { "--plugin-registration-path", "/nowhere" })
      assert_refused("--plugin-registration-path: /etc/passwd is no directory",
        { "--plugin-registration-path", "/etc/passwd" })
    end)

    it("an endpoint that no kubelet can open", function()
      assert_refused("--kubelet-registration-path needs a UNIX socket as --endpoint, got tcp://127.0.0.1:1",
        flags { "--endpoint=tcp://127.0.0.1:1" })
    end)

    it("the folder of the CSI socket", function()
      assert_refused("the registration cannot be in " .. assert(uv.fs_realpath(folder))
        .. ", where the socket is: CSI allows no other file there",
        flags { "--endpoint", "unix://" .. folder .. "/csi.sock" }, 1)
    end)
  end)
end)
