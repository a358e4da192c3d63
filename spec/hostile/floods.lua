-- Floods: one after the other is let loose on a server, which others call meanwhile, on a connection that
-- they have and on new ones. They have to be answered in time. When a flood is over, the server has to have
-- as many file descriptors as before it; when all are over, nearly as little memory.

local folder = require "spec.support.folder"
local hpack = require "spec.support.hpack"
local host = require "spec.support.host"
local http2 = require "spec.support.http2"
local load = require "spec.support.load"
local process = require "spec.support.process"
local usage = require "spec.support.usage"
local uv = require "luv"
local verdict = require "spec.support.verdict"
local wait = require "spec.support.wait"
local wire = require "spec.support.wire"

local LONGEST = 1.0 -- seconds that another client may wait for its answer; waits for a processor do not count
local MOST_MEMORY = 64 -- MiB more than before: what malloc keeps for the next flood, in pieces
local LIMIT = 120 -- seconds to wait for what must come; a busy machine is slow

local SCRIPT = [[
  local csi = require "csi"
  return {
    GetPluginInfo = { name = "floods.csi.example.com", vendor_version = "1" },
    Probe = function() return { ready = true } end,
    DeleteVolume = function() csi.sleep(4) return {} end,
  }
]]
local WAITING = "/csi.v1.Controller/DeleteVolume"

-- ---- what is sent ----

local function frame(type, flags, stream, payload)
  return string.pack(">I3BBI4", #payload, http2.TYPE[type], flags, stream) .. payload
end

local START = http2.PREFACE .. frame("SETTINGS", 0, 0, "")
local ACKNOWLEDGED = START .. frame("SETTINGS", http2.FLAG.ACK, 0, "")

-- So many calls of a path, each reset at once.
local function resets(path, calls)
  local block, list = hpack.encode(http2.request_headers(path)), {}
  for i = 1, calls do
    local stream = 2 * i - 1
    list[i] = frame("HEADERS", http2.FLAG.END_HEADERS, stream, block)
      .. frame("DATA", http2.FLAG.END_STREAM, stream, http2.message(""))
      .. frame("RST_STREAM", 0, stream, "\0\0\0\8")
  end
  return table.concat(list)
end

-- As many idle connections as the limit of open files lets this process have, and the server, its child.
local OPEN_FILES = tonumber(process.read_file("/proc/self/limits"):match("Max open files%s+(%d+)"))
local IDLE = math.min(10000, OPEN_FILES - 500)

-- what, how many connections, what is sent on each. cut: it ends within a frame; at_once: so many at a time,
-- the next ones when these are taken. gRPC core computes ten times as long for a call that is reset than for
-- one that is answered, and does all that has come before it reads on.
local FLOODS = {
  { IDLE .. " idle connections", IDLE, START },
  { "500 connections with half a preface", 500, http2.PREFACE:sub(1, 12), cut = true },
  { "500 connections with half a HEADERS frame", 500,
    START .. frame("HEADERS", http2.FLAG.END_HEADERS, 1, ("\0"):rep(100)):sub(1, 50), cut = true },
  { "20,000 calls that are reset at once", 20, ACKNOWLEDGED .. resets(wire.INFO, 1000), at_once = 5 },
  { "20,000 waiting calls that are reset at once", 20, ACKNOWLEDGED .. resets(WAITING, 1000), at_once = 5 },
  { "20,000 resets by who acknowledges no limit", 4, START .. resets(wire.INFO, 5000), at_once = 1 },
  { "20,000 resets of unknown methods", 20, ACKNOWLEDGED .. resets("/a/b", 1000), at_once = 5 },
  { "40,000 pings", 20, START .. frame("PING", 0, 0, "12345678"):rep(2000) },
  { "40,000 SETTINGS", 20, START .. frame("SETTINGS", 0, 0, "\0\4\0\0\xff\xff"):rep(2000) },
}

-- ---- sending it ----

-- Opens a connection and sends bytes; what comes is read and forgotten. opened(pipe) is called once.
local function open(socket, bytes, opened)
  local pipe = uv.new_pipe(false)
  pipe:connect(socket, function(err)
    if err == "EAGAIN" then -- the queue of the socket is full
      pipe:close()
      open(socket, bytes, opened)
      return
    end
    assert(not err, err)
    pipe:write(bytes)
    pipe:read_start(function() end)
    opened(pipe)
  end)
end

-- n connections that each sent these bytes.
local function open_all(server, n, bytes)
  local pipes = {}
  for i = 1, n do
    open(server.socket, bytes, function(pipe) table.insert(pipes, pipe) end)
    if i % 100 == 0 or i == n then
      assert(wait.for_(function() return #pipes == i end, LIMIT), "the server does not accept")
    end
  end
  return pipes
end

-- Calls done once the server has answered a ping on this connection, or has closed it.
local function ping(pipe, done)
  local text = ""
  pipe:read_start(function(err, bytes)
    text = text .. (bytes or "")
    if err or not bytes or text:find("the-last", 1, true) then
      done()
    end
    text = text:sub(-8)
  end)
  pipe:write(frame("PING", 0, 0, "the-last"), function(err)
    if err then
      done()
    end
  end)
end

-- Waits until the server has taken all that was sent.
local function wait_taken(pipes)
  local done, n = {}, 0
  for _, pipe in ipairs(pipes) do
    ping(pipe, function()
      n = n + (done[pipe] and 0 or 1)
      done[pipe] = true
    end)
  end
  assert(wait.for_(function() return n == #pipes end, LIMIT), "the server does not take the flood")
end

local function close_all(pipes)
  for _, pipe in ipairs(pipes) do
    pipe:close()
  end
  uv.run("nowait")
end

-- ---- what becomes of it ----

-- The row for callers that called during a flood.
local function answered(what, calls)
  local row = verdict.at_most("another client's answer during " .. what, LONGEST, calls.longest, "s")
  row.figure = ("%s, %d of %d calls failed"):format(row.figure, calls.failures, calls.calls)
  row.ok = row.ok and calls.failures == 0
  io.stderr:write(calls.text)
  return row
end

local function let_loose(server, flood)
  local what, n, bytes = table.unpack(flood)
  local pid = server.process.pid
  local before = usage.descriptors(pid)
  local callers = load.start(server.endpoint, { "kept", "anew" }, pid)
  local pipes = {}
  repeat
    local more = open_all(server, flood.at_once or n, bytes)
    if not flood.cut then
      wait_taken(more)
    end
    table.move(more, 1, #more, #pipes + 1, pipes)
  until #pipes >= n
  assert(wait.for_(function() return not flood.cut or usage.descriptors(pid) >= before + n end, LIMIT))
  local row = answered(what, callers:stop())
  close_all(pipes)
  wait.for_(function() return usage.descriptors(pid) <= before end, LIMIT)
  return row, usage.descriptors(pid) - before
end

local function all_floods(rounds)
  local server = host.serve { script = SCRIPT, flags = { "--no-watch" } }
  local pid = server.process.pid
  assert(server:connect():call("Probe"))
  local memory, left, rows = usage.memory_kb(pid), 0, {}
  local function grown() return (usage.memory_kb(pid) - memory) / 1024 end
  for _ = 1, rounds do
    for _, flood in ipairs(FLOODS) do
      local row, descriptors = let_loose(server, flood)
      table.insert(rows, row)
      left = left + descriptors
    end
  end
  wait.for_(function() return grown() <= MOST_MEMORY end, LIMIT)
  table.insert(rows, verdict.exactly("file descriptors that are left after floods", 0, left))
  table.insert(rows, verdict.at_most("memory after floods, more than before", MOST_MEMORY, grown(), "MiB"))
  server:stop()
  return rows
end

-- A server that has no descriptors left: who is connected is answered, who comes waits, and is answered then.
local function no_descriptors()
  local what = "EMFILE"
  local server = host.serve { script = SCRIPT, prefix = { "/usr/bin/prlimit", "--nofile=64" } }
  local callers = load.start(server.endpoint, { "kept" }, server.process.pid)
  local pipes = open_all(server, 100, START)
  server:wait_log "Cannot accept connections; clients wait"
  local row = answered(what, callers:stop())
  close_all(pipes)
  local served = server:connect():call("Probe", {}, { timeout = LIMIT })
  return { row, verdict.exactly("a new client after " .. what, "is answered",
    served and "is answered" or "is not") }
end

local function run(options)
  local rows = all_floods(options.long and 20 or 1)
  table.move(no_descriptors(), 1, 2, #rows + 1, rows)
  host.teardown()
  folder.remove_all()
  return rows
end

return { area = "floods", run = run }
