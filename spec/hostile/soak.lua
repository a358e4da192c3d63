-- Everything together, for a while: load from other processes, calls that wait, fail, compute too long and
-- are left by their callers, connections that are cut, HTTP, a state that is saved, reloads. Memory is looked
-- at every half second: the median of the last third must not be above that of the middle third by more than
-- a little; the first third is warm-up.

local folder = require "spec.support.folder"
local host = require "spec.support.host"
local http = require "spec.support.http"
local http2 = require "spec.support.http2"
local load = require "spec.support.load"
local process = require "spec.support.process"
local usage = require "spec.support.usage"
local uv = require "luv"
local verdict = require "spec.support.verdict"
local wait = require "spec.support.wait"
local wire = require "spec.support.wire"

local LIMIT = 120 -- seconds to wait for what must come; a busy machine is slow
local MOST_GROWTH = 4 -- MiB

local SCRIPT = [[
  local csi = require "csi"
  local memory = {}
  csi.every(0.05, function() csi.store.incr("n") end)
  local check = csi.check("world", { every = 0.1, initial = true }, function()
    csi.sleep(0.01)
    return true
  end)
  return {
    GetPluginInfo = { name = "soak.csi.example.com", vendor_version = "%d" },
    Probe = csi.readiness { check },
    DeleteVolume = function() csi.sleep(0.01) return {} end,
    ControllerUnpublishVolume = function() csi.sleep(3600) end,
    DeleteSnapshot = function() error "as it must" end,
    NodeUnpublishVolume = function() while true do end end,
    NodeUnstageVolume = function() for i = 1, math.huge do memory[i] = ("x"):rep(1000) .. i end end,
  }
]]

local function controller(method) return "/csi.v1.Controller/" .. method end
local function node(method) return "/csi.v1.Node/" .. method end

-- ---- what is done, each time with the number of the round; gives whether it went as it must ----

local acts = {}

local function ends_in(path, status)
  return function(self)
    local answer = self.connection:call(self:next_stream(), path, "")
    return answer and answer.status == status
  end
end

acts.waits = ends_in(controller "DeleteVolume", 0)
acts.fails = ends_in(controller "DeleteSnapshot", 13)
acts.unknown = ends_in("/a/b", 12)

function acts.is_left(self)
  for _, path in ipairs { controller "ControllerUnpublishVolume", wire.PROBE, node "NodeUnpublishVolume" } do
    local connection = http2.start(self.server.socket)
    connection:headers(1, http2.request_headers(path))
    connection:data(1, http2.message(""), true)
    connection:close()
  end
  return true
end

function acts.is_cut(self)
  local connection = http2.connect(self.server.socket)
  connection:write((http2.PREFACE .. "\0\0\100\1\4\0\0\0\1\130\130"):sub(1, self.round % 35 + 1))
  connection:close()
  return true
end

function acts.is_reset(self)
  local stream = self:next_stream()
  self.connection:headers(stream, http2.request_headers(controller "ControllerUnpublishVolume"))
  self.connection:data(stream, http2.message(""), true)
  self.connection:reset(stream)
  return true
end

function acts.asks_http(self)
  local path = self.round % 2 == 0 and "/healthz" or "/metrics"
  local answer = http.get(self.port, path)
  return answer and answer.code == 200
end

-- Done by every so-and-so-many-th round only.
local seldom = {
  [10] = function(self) -- reloads
    process.replace_file(self.path, self.round % 20 == 0 and "return {" or SCRIPT:format(self.round))
    return true
  end,
  [15] = ends_in(node "NodeUnpublishVolume", 4), -- computes too long
  [20] = ends_in(controller "ControllerUnpublishVolume", 4), -- waits too long
  [25] = ends_in(node "NodeUnstageVolume", 8), -- takes all memory
}

-- ---- the session ----

local Session = { __index = {} }

local function begin()
  local path = folder.make { ["script.lua"] = SCRIPT:format(0) } .. "/script.lua"
  local server, port = http.serve {
    file = path,
    flags = {
      "--validate", "off", "--handler-cpu", "300ms", "--handler-timeout", "600ms", "--memory", "8MB",
      "--state", folder.make() .. "/state",
    },
  }
  return setmetatable({ path = path, server = server, port = port, round = 0, wrong = 0, done = 0 }, Session)
end

-- Stream numbers end: a new connection now and then.
function Session.__index:next_stream()
  self.stream = self.stream + 2
  return self.stream
end

function Session.__index:reconnect()
  if self.connection then
    self.connection:close()
  end
  self.connection, self.stream = http2.start(self.server.socket), -1
end

function Session.__index:act(name, act)
  self.done = self.done + 1
  if not act(self) then
    self.wrong = self.wrong + 1
    io.stderr:write(("round %d: %s: not as it must\n"):format(self.round, name))
  end
end

function Session.__index:play()
  self.round = self.round + 1
  if self.round % 50 == 1 then
    self:reconnect()
  end
  for name, act in pairs(acts) do
    self:act(name, act)
  end
  for rounds, act in pairs(seldom) do
    if self.round % rounds == 0 then
      self:act("every " .. rounds, act)
    end
  end
end

local function median(list, from, to)
  local part = table.move(list, from, to, 1, {})
  table.sort(part)
  return part[#part // 2 + 1]
end

-- Plays for so many seconds; gives what was resident, in KiB, every half second.
function Session.__index:play_for(seconds)
  local pid, begun, memory = self.server.process.pid, uv.hrtime(), {}
  self:reconnect()
  repeat
    self:play()
    local now = (uv.hrtime() - begun) / 1e9
    if now > #memory / 2 then
      memory[#memory + 1] = usage.memory_kb(pid)
    end
  until now > seconds
  self.connection:close()
  return memory
end

-- From then on all descriptors are open that stay open: the watch begins beside the first calls.
local function wait_for_watch(session)
  process.replace_file(session.path, SCRIPT:format(-1))
  local client = session.server:connect()
  assert(wait.for_(function()
    local info = client:call("GetPluginInfo")
    return info and info.vendor_version == "-1"
  end, LIMIT))
  session.server:disconnect()
end

local function run(options)
  local session = begin()
  local pid = session.server.process.pid
  session:play()
  session.connection:close()
  wait_for_watch(session)
  assert(wait.for_(function() return http.get(session.port, "/livez").code == 200 end, LIMIT))
  local descriptors = usage.descriptors(pid)
  local callers = load.start(session.server.endpoint, { "kept", "anew" })
  local memory = session:play_for(options.long and 3600 or 75)
  local calls = callers:stop()
  io.stderr:write(calls.text)
  wait.for_(function() return usage.descriptors(pid) <= descriptors end, LIMIT)
  local left = usage.descriptors(pid) - descriptors
  local third = #memory // 3
  local grown = (median(memory, 2 * third, #memory) - median(memory, third, 2 * third)) / 1024
  local clean, fault = pcall(host.teardown)
  folder.remove_all()
  return {
    verdict.exactly(("failed calls of %d"):format(calls.calls), 0, calls.failures),
    verdict.exactly(("faults that did not end as they must, of %d"):format(session.done), 0, session.wrong),
    verdict.at_most("memory, last third over middle third", MOST_GROWTH, grown, "MiB"),
    verdict.at_most("file descriptors more than before", 0, left),
    verdict.exactly("the server's end is clean", "yes", clean and "yes" or tostring(fault)),
  }
end

return { area = "soak", run = run }
