-- SIGTERM and SIGINT: no new calls, those in flight may finish, the socket goes, exit status 0.

local uv = require "luv"
local host = require "spec.support.host"
local http2 = require "spec.support.http2"
local luacsi = require "luacsi"
local wait = require "spec.support.wait"

local INFO = "/csi.v1.Identity/GetPluginInfo"
local PROBE = "/csi.v1.Identity/Probe"

-- Probe keeps the loop busy for a tenth of a second, and says so first.
local SLOW = [[
  local csi = require "csi"
  return {
    GetPluginInfo = { name = "slow.example.com", vendor_version = "1" },
    Probe = function()
      csi.log.info("busy")
      local start = csi.now()
      while csi.now() - start < 0.1 do end
      return {}
    end,
  }
]]

local function seconds_since(start)
  return (uv.hrtime() - start) / 1e9
end

-- Waits for the end of a server; gives its exit status and how long that took.
local function ending(server)
  local start = uv.hrtime()
  local code = server.process:wait()
  return code, seconds_since(start)
end

-- Reads on until the server has closed the connection.
local function assert_hangs_up(connection)
  local frame, why
  repeat
    frame, why = connection:read_frame()
  until not frame
  assert.equal("closed", why)
end

local function assert_gone(server)
  assert.is_nil(uv.fs_lstat(server.socket))
  assert.same({}, host.files_in(server.run_dir))
  local log = server:log()
  assert.truthy(log:find('"Stopping" signal=', 1, true))
  assert.truthy(log:find('"Stopped"', 1, true))
end

-- A connection with a call that is in flight until finish_call: its client takes no data.
local function stalled_call(server)
  local connection = http2.connect(server.socket)
  connection:write(http2.PREFACE)
  connection:frame("SETTINGS", 0, 0, string.pack(">I2I4", 4, 0)) -- SETTINGS_INITIAL_WINDOW_SIZE
  connection:headers(1, http2.request_headers(INFO))
  connection:data(1, http2.message(""), true)
  repeat
    local frame = assert(connection:read_frame())
  until frame.type == "HEADERS"
  return connection
end

local function finish_call(connection)
  connection:frame("WINDOW_UPDATE", 0, 1, string.pack(">I4", 65535))
  return assert(connection:answer(1))
end

describe("a signal", function()
  after_each(host.teardown)

  for _, signal in ipairs { "sigterm", "sigint" } do
    it("ends the server: " .. signal, function()
      local server = host.serve { file = "examples/hello.lua" }
      server:signal(signal)
      assert.equal(0, (ending(server)))
      assert_gone(server)
    end)
  end

  it("ends a server that listens on TCP", function()
    local server = host.serve { endpoint = "tcp://127.0.0.1:" .. host.free_port() }
    server:connect():call("Probe")
    server:signal("sigterm")
    assert.equal(0, (ending(server)))
    assert.is_false(host.listens(server.endpoint))
  end)

  it("that comes first of all ends it, too", function()
    for _ = 1, 10 do
      local child = host.start { "serve", "--endpoint", host.folder() .. "/csi.sock" }
      child:signal("sigterm")
      local code = child:wait()
      assert(code == 0 or code == 128 + 15, code)
    end
  end)

  it("ends a server whose script does not finish loading", function()
    local child = host.start({ "serve", "/dev/stdin" }, { stdin = "while true do end" })
    local server = host.serve {} -- time enough for the other one to come as far
    child:signal("sigterm")
    assert.equal(128 + 15, child:wait())
    server:stop()
  end)

  it("lets a call in flight finish", function()
    for _, signal in ipairs { "sigterm", "sigint" } do
      local server = host.serve { script = SLOW }
      local connection = http2.start(server.socket)
      connection:headers(1, http2.request_headers(PROBE))
      connection:data(1, http2.message(""), true)
      server:wait_log '"busy"'
      server:signal(signal)
      local answer = assert(connection:answer(1))
      assert.same({ 0, "\0\0\0\0\0" }, { answer.status, answer.data })
      assert.equal(0, (ending(server)))
      assert_gone(server)
      connection:close()
    end
  end)

  -- Ends a server that has clients, made by connect; they go on as behave says.
  local function assert_ends_soon(connect, behave)
    local server = host.serve { file = "examples/hello.lua", flags = { "--grace", "60s" } }
    local clients = {}
    for i = 1, 10 do
      clients[i] = connect(server)
    end
    assert.equal(0, server:run({ "probe" }).code) -- by now the server has taken all of them
    server:signal("sigterm")
    for _, client in ipairs(clients) do
      behave(client)
    end
    local code, seconds = ending(server)
    assert.equal(0, code)
    assert(seconds < 10, seconds)
    assert_gone(server)
    for _, client in ipairs(clients) do
      client:close()
    end
  end

  local function do_nothing() end

  local function call_once(server)
    local connection = http2.start(server.socket)
    assert.equal(0, connection:call(1, INFO, "").status)
    return connection
  end

  it("is not held up by clients that are connected and idle", function()
    assert_ends_soon(call_once, assert_hangs_up)
  end)

  it("is not held up by clients that do not even read", function()
    assert_ends_soon(call_once, do_nothing)
  end)

  it("is not held up by clients on gRPC core, which sleep between calls", function()
    assert_ends_soon(function(server)
      local connection = server:connect()
      assert(connection:call("Probe"))
      return connection
    end, do_nothing)
  end)

  it("is not held up by connections that never say anything", function()
    assert_ends_soon(function(server) return http2.connect(server.socket) end, do_nothing)
  end)

  it("tells connected clients: a call afterwards is UNAVAILABLE", function()
    local server = host.serve { file = "examples/hello.lua" }
    local connection = server:connect()
    assert(connection:call("Probe"))
    server:signal("sigterm")
    assert.equal(0, (ending(server)))
    local reply, code = connection:call("Probe")
    assert.same({ nil, "UNAVAILABLE" }, { reply, code })
  end)
end)

describe("--grace", function()
  after_each(host.teardown)

  it("bounds how long calls may take to finish", function()
    local server = host.serve { file = "examples/hello.lua", flags = { "--grace", "100ms" } }
    local connection = stalled_call(server)
    server:signal("sigterm")
    local code, seconds = ending(server)
    assert.equal(0, code)
    assert(seconds > 0.09, seconds)
    assert_gone(server)
    connection:close()
  end)

  it("may be nothing", function()
    local server = host.serve { file = "examples/hello.lua", flags = { "--grace", "0" } }
    local connection = stalled_call(server)
    server:signal("sigterm")
    assert.equal(0, (ending(server)))
    assert_gone(server)
    connection:close()
  end)

  it("lets a call come to its end, and not longer", function()
    local server = host.serve { file = "examples/hello.lua", flags = { "--grace", "60s" } }
    local connection = stalled_call(server)
    server:signal("sigterm")
    server:wait_log '"Stopping"'
    assert(wait.for_(function() return not host.listens(server.endpoint) end))
    local answer = finish_call(connection)
    assert.same({ 0, 1 }, { answer.status, #answer.messages })
    assert_hangs_up(connection)
    local code, seconds = ending(server)
    assert.equal(0, code)
    assert(seconds < 30, seconds)
    connection:close()
  end)

  it("is cut short by a second signal", function()
    for _, second in ipairs { "sigterm", "sigint" } do
      local server = host.serve { file = "examples/hello.lua", flags = { "--grace", "60s" } }
      local connection = stalled_call(server)
      server:signal("sigterm")
      server:wait_log '"Stopping" signal="Terminated"'
      assert.is_nil(server.process.code)
      server:signal(second)
      local code, seconds = ending(server)
      assert.equal(0, code)
      assert(seconds < 30, seconds)
      assert_gone(server)
      connection:close()
    end
  end)

  it("survives many signals", function()
    local server = host.serve { file = "examples/hello.lua", flags = { "--grace", "60s" } }
    local connection = stalled_call(server)
    for i = 1, 20 do
      server:signal(i % 2 == 0 and "sigterm" or "sigint")
    end
    assert.equal(0, (ending(server)))
    assert_gone(server)
    connection:close()
  end)
end)

describe("many clients while the server ends", function()
  after_each(host.teardown)

  local CLIENTS, CALLS = 20, 10

  -- The status of a call: what came, or UNAVAILABLE as every gRPC client says for a connection that
  -- ended. An error when nothing comes.
  local function status_of(connection, stream)
    local answer, why = connection:answer(stream)
    if not answer then
      assert.equal("closed", why)
    end
    return answer and answer.status or 14
  end

  -- Sends a batch of calls on each connection. The signal comes between the calls, the answers later.
  local function pound(server, connections, signal)
    for stream = 1, 2 * CALLS - 1, 2 do
      for i, connection in ipairs(connections) do
        connection:headers(stream, http2.request_headers(INFO))
        connection:data(stream, http2.message(""), true)
        if i == CLIENTS // 2 and stream == CALLS + 1 then
          server:signal(signal)
        end
      end
    end
    -- CANCELLED is what gRPC core says to a call that comes while the server is already ending.
    local count = { [0] = 0, [1] = 0, [14] = 0 }
    for _, connection in ipairs(connections) do
      for stream = 1, 2 * CALLS - 1, 2 do
        local status = status_of(connection, stream)
        assert(count[status], status)
        count[status] = count[status] + 1
      end
    end
    return count
  end

  for _, signal in ipairs { "sigterm", "sigint" } do
    it("are each answered or told UNAVAILABLE: " .. signal, function()
      for _ = 1, 5 do
        local server = host.serve { file = "examples/hello.lua", flags = { "--grace", "60s" } }
        local connections = {}
        for i = 1, CLIENTS do
          connections[i] = http2.start(server.socket)
          connections[i]:frame("PING", 0, 0, "........")
        end
        local count = pound(server, connections, signal)
        assert.equal(CLIENTS * CALLS, count[0] + count[1] + count[14])
        local code, seconds = ending(server)
        assert.equal(0, code)
        assert(seconds < 30, seconds)
        assert_gone(server)
        for _, connection in ipairs(connections) do
          connection:close()
        end
      end
    end)
  end

  it("that connect again and again do not keep it", function()
    local server = host.serve { file = "examples/hello.lua", flags = { "--grace", "60s" } }
    local connected = 0
    for i = 1, 200 do
      local connection = luacsi.connect(server.endpoint)
      if connection then
        connected = connected + 1
        connection:call("Probe")
        connection:close()
      end
      if i == 50 then
        server:signal("sigterm")
      end
    end
    assert(connected >= 50, connected)
    assert.equal(0, (ending(server)))
    assert_gone(server)
  end)
end)
