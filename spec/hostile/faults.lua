-- What happens to a server from outside: it is killed, started twice, stopped in the middle of calls, its
-- clock jumps, its disk is full.

local clock = require "spec.support.clock"
local command = require "spec.support.command"
local folder = require "spec.support.folder"
local host = require "spec.support.host"
local http2 = require "spec.support.http2"
local luacsi = require "luacsi"
local process = require "spec.support.process"
local uv = require "luv"
local verdict = require "spec.support.verdict"
local wait = require "spec.support.wait"
local wire = require "spec.support.wire"

local LIMIT = 120 -- seconds to wait for what must come; a busy machine is slow

-- How many of n times act(i) came to its end without an error, and its servers ended cleanly.
local function count(n, act)
  local good = 0
  for i = 1, n do
    local ok, fault = xpcall(act, debug.traceback, i)
    local clean, left = pcall(host.teardown)
    good = good + (ok and clean and 1 or 0)
    if not ok or not clean then
      io.stderr:write(tostring(ok and left or fault), "\n")
    end
  end
  return good
end

local function answers(endpoint)
  local connection <close> = assert(luacsi.connect(endpoint))
  return assert(connection:call("GetPluginInfo", {}, { timeout = LIMIT })).name
end

local function kill(server)
  server:signal "sigkill"
  server.process:wait(LIMIT)
  server.process.done = true
end

-- ---- kill -9 ----

-- Counts on, and saves it, all the time.
local COUNTING = [[
  local csi = require "csi"
  csi.store.incr("starts")
  csi.every(0.002, function() csi.store.incr("n") end)
  return {
    GetPluginInfo = { name = "killed.csi.example.com", vendor_version = "1" },
    Probe = function() return { ready = csi.store.get("n") ~= nil } end,
  }
]]

-- What a file holds; nothing while it is not there.
local function text_of(file)
  return uv.fs_stat(file) and process.read_file(file) or ""
end

-- The saved value of a key; 0 while there is none.
local function saved(file, key)
  return tonumber(text_of(file):match(('"key":"%s","value":(%%d+)'):format(key)) or 0)
end

-- Kills a server that saves, and starts it again on the same socket with the same state.
local function killed(n)
  local socket, state = folder.make() .. "/csi.sock", folder.make() .. "/state"
  local options = { socket = socket, script = COUNTING, flags = { "--state", state, "--no-watch" } }
  local before = 0
  local good = count(n, function(i)
    local server = host.serve(options)
    local ok, fault = pcall(function()
      assert(answers(server.endpoint))
      assert(wait.for_(function() return saved(state, "n") > before end, LIMIT), "nothing is saved")
      before = saved(state, "n")
      assert(saved(state, "starts") == i, "a start is lost")
    end)
    kill(server)
    assert(ok, fault)
    assert(saved(state, "n") >= before, "the state went back")
  end)
  host.serve(options):stop()
  local left = #host.files_in(socket:match "^(.*)/")
  return {
    verdict.exactly("kill -9 and restart: serves, and the state is whole", n, good),
    verdict.exactly("files beside the socket, and itself, after the last end", 0, left),
  }
end

-- ---- many at once ----

-- Starts so many on one path; one serves, the others end and touch nothing.
local function race(path, n)
  local winner = host.race(path, n, LIMIT)
  assert(answers("unix://" .. path))
  assert(#host.files_in(path:match "^(.*)/") == 1, "there is more than the socket")
  return winner
end

local function raced(n)
  local path = folder.make() .. "/csi.sock"
  local good = count(n, function(i)
    local winner = race(path, 20)
    winner:signal(i % 2 == 0 and "sigterm" or "sigkill") -- a stale socket for the next one
    winner:wait(LIMIT)
    winner.done = true
  end)
  return { verdict.exactly("20 instances start at once: exactly one serves", n, good) }
end

-- ---- SIGTERM ----

local SLOW = [[
  local csi = require "csi"
  return {
    GetPluginInfo = { name = "slow.csi.example.com", vendor_version = "1" },
    Probe = function()
      csi.log.info("begun")
      csi.sleep(0.05)
      return { ready = true }
    end,
  }
]]
local CALLS = 20

-- Ends a server that has so many calls in flight; every one has to be answered.
local function terminated(n)
  local answered = 0
  local good = count(n, function()
    local server = host.serve { script = SLOW, flags = { "--grace", LIMIT .. "s", "--no-watch" } }
    local connections = { http2.start(server.socket), http2.start(server.socket) }
    for i = 1, CALLS do -- i | 1: two of the numbers are one stream, of two connections
      local connection = connections[i % 2 + 1]
      connection:headers(i | 1, http2.request_headers(wire.PROBE))
      connection:data(i | 1, http2.message(""), true)
    end
    assert(wait.for_(function() return select(2, server:log():gsub('"begun"', "")) == CALLS end, LIMIT))
    server:signal "sigterm"
    for i = 1, CALLS do
      local answer = assert(connections[i % 2 + 1]:answer(i | 1, LIMIT))
      answered = answered + (answer.status == 0 and 1 or 0)
    end
    server:stop()
  end)
  return {
    verdict.exactly("SIGTERM with calls in flight: ends with 0, no socket left", n, good),
    verdict.exactly("calls in flight then that are answered", n * CALLS, answered),
  }
end

-- ---- the clock ----

-- Everything that has to do with time: a wait, a value that expires, background work, a check.
local TIMED = [[
  local csi = require "csi"
  local ticks = 0
  csi.every(0.01, function() ticks = ticks + 1 end)
  csi.store.set("kept", true, { ttl = 3600 })
  local check = csi.check("world", { every = 0.01, timeout = 60, fall = 1, initial = true }, function()
    csi.sleep(0.01)
    return true
  end)
  return {
    GetPluginInfo = { name = "clock.csi.example.com", vendor_version = "1" },
    Probe = csi.readiness { check },
    DeleteVolume = function()
      local before = ticks
      while ticks < before + 2 do csi.sleep(0.005) end
      if not csi.store.get("kept") then
        csi.fail("ABORTED", "the value has expired")
      end
      return {}
    end,
  }
]]
local DELETE = "/csi.v1.Controller/DeleteVolume"
local JUMPS = { 86400, -86400, 3600, -3600, 1, -1, 315360000, -315360000, 60, 0 } -- seconds ahead

-- The wall clock of a server jumps while a call waits; that one and the next ones are answered.
local function jumped(n)
  local wall = clock.new()
  local server = host.serve {
    script = TIMED, env = wall.env,
    flags = { "--no-watch", "--handler-timeout", "60s", "--validate", "off" },
  }
  local connection = http2.start(server.socket)
  local good = 0
  for i = 1, n do
    local stream = 4 * i - 3
    connection:headers(stream, http2.request_headers(DELETE, nil, { { "grpc-timeout", "60S" } }))
    connection:data(stream, http2.message(""), true)
    wall:set(JUMPS[i % #JUMPS + 1])
    local waited = connection:answer(stream, LIMIT)
    local probe = waited and connection:call(stream + 2, wire.PROBE, "")
    local ready = probe and probe.status == 0
      and luacsi.decode("ProbeResponse", probe.messages[1]).ready == true
    good = good + (waited and waited.status == 0 and ready and 1 or 0)
  end
  connection:close()
  host.teardown()
  return { verdict.exactly("jumps of the wall clock that disturb no wait, check or value", n, good) }
end

-- ---- a full disk ----

-- Keeps so many values of 60,000 bytes as the name of the volume says.
local KEEPING = [[
  local csi = require "csi"
  return {
    GetPluginInfo = { name = "disk.csi.example.com", vendor_version = "1" },
    CreateVolume = function(request)
      for i = 1, 9 do
        csi.store.set("k" .. i, i <= tonumber(request.name) and ("x"):rep(60000) or nil)
      end
      return { volume = { volume_id = request.name } }
    end,
  }
]]
local DISK = "400k"

local function values_in(file)
  return select(2, text_of(file):gsub('"key":"k%d"', ""))
end

-- A server whose disk is full: goes on, keeps the file that it has, survives a kill, and saves again.
local function full(disk)
  local state = disk .. "/state"
  local options = { script = KEEPING, flags = { "--state", state, "--no-watch", "--validate", "off" } }
  local function keep(server, n)
    assert(server:connect():call("CreateVolume", { name = tostring(n) }, { timeout = LIMIT }))
  end
  local server = host.serve(options)
  keep(server, 2)
  assert(wait.for_(function() return values_in(state) == 2 end, LIMIT), "not saved")
  keep(server, 5)
  server:wait_log "State is not saved.-No space left on device"
  assert(values_in(state) == 2, "the old state is lost")
  assert(answers(server.endpoint))
  kill(server)
  server = host.serve(options)
  keep(server, 5)
  server:wait_log "State is not saved.-No space left on device"
  command.output { "mount", "-o", "remount,size=4m", disk }
  server:wait_log "State is saved again"
  assert(values_in(state) == 5, "not saved")
  server:stop()
  assert(#host.files_in(disk) == 1, "there is more than the state")
end

-- Only root can have a small disk. For others there is spec/regression/file_limit_spec.lua, by ulimit.
local function full_disk()
  local what, disk = "--state on a full disk: the old one stays, saved when there is room", folder.make()
  if command.run({ "mount", "-t", "tmpfs", "-o", "size=" .. DISK, "none", disk }).code ~= 0 then
    return { { what = what, bar = "1", figure = "not tried: mount is refused", ok = true } }
  end
  local good = count(1, function() full(disk) end)
  command.output { "umount", disk }
  return { verdict.exactly(what, 1, good) }
end

local function run(options)
  local times = options.long and 20 or 1
  local rows = {}
  for _, part in ipairs {
    killed(100 * times), raced(5 * times), terminated(50 * times), jumped(100 * times), full_disk(),
  } do
    table.move(part, 1, #part, #rows + 1, rows)
  end
  folder.remove_all()
  return rows
end

return { area = "faults", run = run }
