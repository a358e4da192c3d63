-- Reloads under load: every other one is of a script that is broken. No call may fail, the server's own
-- counters have to agree with what was done, and memory and file descriptors stay where they are.

local folder = require "spec.support.folder"
local host = require "spec.support.host"
local http2 = require "spec.support.http2"
local load = require "spec.support.load"
local process = require "spec.support.process"
local protobuf = require "spec.support.protobuf"
local usage = require "spec.support.usage"
local verdict = require "spec.support.verdict"
local wait = require "spec.support.wait"

local LIMIT = 120 -- seconds to wait for what must come; a busy machine is slow
local MOST_GROWTH_KB = 8192
local DELETE = "/csi.v1.Controller/DeleteVolume"
local RELOADS, FAILED_RELOADS, CALLS = 6, 7, 9 -- fields of GetStatusResponse

-- With a call that waits, background work, and some memory of its own, so that what is left behind shows.
local SCRIPT = [[
  local csi = require "csi"
  local ballast = ("x"):rep(200000) .. %d
  csi.every(0.01, function() return #ballast end)
  return {
    GetPluginInfo = { name = "reload.csi.example.com", vendor_version = "%d" },
    Probe = function() return { ready = #ballast > 0 } end,
    DeleteVolume = function() csi.sleep(0.02) return {} end,
  }
]]

local function good(i) return SCRIPT:format(i, i) end

local BROKEN = {
  "return {", "error('not today')", "return { GetPluginInfo = { nam = 1 } }", "return { NoSuchMethod = {} }",
  "return { GetPluginInfo = { name = 1 } }", "", "return 1", "return setmetatable({}, { __gc = print })",
}

local function broken(i) return BROKEN[i % #BROKEN + 1] .. " -- " .. i end

local Session = { __index = {} }

local function begin()
  local path = folder.make { ["script.lua"] = good(0) } .. "/script.lua"
  local server = host.serve { file = path, flags = { "--no-watch", "--validate", "off" } }
  return setmetatable({
    path = path, server = server, client = server:connect(), raw = http2.start(server.socket), stream = -1,
    waiting = 0, waited = 0, asked = 0, done = 0,
  }, Session)
end

-- The server's counters.
function Session.__index:status()
  self.asked = self.asked + 1
  local fields = protobuf.read(assert(self.client:raw("/luacsi.v1.Host/GetStatus", "", { timeout = LIMIT })))
  local function count(number) return fields[number][1] or 0 end
  return { reloads = count(RELOADS), failed_reloads = count(FAILED_RELOADS), calls = count(CALLS) }
end

-- Saves a text and has it loaded; returns once the server has.
function Session.__index:reload(text)
  process.replace_file(self.path, text)
  self.server:signal "sighup"
  self.done = self.done + 1
  assert(wait.for_(function()
    local status = self:status()
    return status.reloads + status.failed_reloads == self.done
  end, LIMIT), "not loaded")
end

-- A call that waits while the script is replaced.
function Session.__index:begin_call()
  self.stream = self.stream + 2
  self.raw:headers(self.stream, http2.request_headers(DELETE))
  self.raw:data(self.stream, http2.message(""), true)
  self.waiting = self.waiting + 1
end

function Session.__index:end_call()
  local answer = self.raw:answer(self.stream, LIMIT)
  self.waited = self.waited + (answer and answer.status == 0 and 1 or 0)
end

function Session.__index:reload_both(i)
  self:begin_call()
  self:reload(good(i))
  self:reload(broken(i))
  self:end_call()
end

local function run(options)
  local pairs_of_reloads = options.long and 20000 or 500
  local session = begin()
  local pid = session.server.process.pid
  local callers = load.start(session.server.endpoint, { "kept", "anew" })
  local memory, descriptors
  for i = 1, pairs_of_reloads do
    session:reload_both(i)
    if i == pairs_of_reloads // 5 then
      memory, descriptors = usage.memory_kb(pid), usage.descriptors(pid)
    end
  end
  local grown, more = usage.memory_kb(pid) - memory, usage.descriptors(pid) - descriptors
  local calls = callers:stop()
  io.stderr:write(calls.text)
  local status = session:status()
  local made = calls.calls + session.asked + session.waiting
  local version = session.client:call("GetPluginInfo").vendor_version
  session.raw:close()
  host.teardown()
  folder.remove_all()
  return {
    verdict.exactly("reloads that took over, as the server counts", pairs_of_reloads, status.reloads),
    verdict.exactly("reloads of broken scripts that did not", pairs_of_reloads, status.failed_reloads),
    verdict.exactly(("failed calls of %d meanwhile"):format(calls.calls), 0, calls.failures),
    verdict.exactly("calls answered that waited over a reload", session.waiting, session.waited),
    verdict.exactly("calls, as the server counts", made, status.calls),
    verdict.exactly("the script that serves at the end", tostring(pairs_of_reloads), version),
    verdict.at_most("memory from the first fifth to the end", MOST_GROWTH_KB, grown, "KiB"),
    verdict.at_most("file descriptors, the same way", 2, more),
  }
end

return { area = "reload", run = run }
