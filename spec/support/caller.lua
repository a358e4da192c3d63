-- A program: calls GetPluginInfo and Probe until the file STOP exists, or who started it is gone. Prints
-- "calling" after the first calls, what failed, and at the end "N calls, N failures, longest N ms"; exit
-- status 0 when nothing failed.
-- usage: lua5.4 spec/support/caller.lua ENDPOINT STOP [kept|anew] [PID]
--   anew   a connection for each two calls, not one for all
--   PID    the server's: the longest is told without the time for which its loop thread, or the caller, was
--          ready to run and others had the processors, so that it is the same on a busy machine

local luacsi = require "luacsi"
local uv = require "luv"

local endpoint, stop, mode, pid = ...
local parent = uv.os_getppid()
local TIMEOUT = 60
local calls, failures, longest = 0, 0, 0

-- Nanoseconds for which a process was ready to run and did not.
local function held_up(process)
  local file <close> = assert(io.open("/proc/" .. process .. "/schedstat"))
  return tonumber(file:read("a"):match("^%d+ (%d+)"))
end

local function now()
  return uv.hrtime() - (pid and held_up(pid) + held_up "self" or 0)
end

local function failed(...)
  failures = failures + 1
  print(...)
end

-- One call. since: when the caller began to want it.
local function call(connection, method, since)
  local reply, code, message = connection:call(method, {}, { timeout = TIMEOUT })
  longest = math.max(longest, now() - since)
  calls = calls + 1
  if not reply then
    failed(method, code, message)
  end
end

local function call_both(connection, since)
  call(connection, "GetPluginInfo", since)
  call(connection, "Probe", now())
end

local function call_anew()
  local since = now()
  local connection <close>, message = luacsi.connect(endpoint)
  if connection then
    call_both(connection, since)
  else
    failed("connect", message)
  end
end

local function exists(path)
  local file = io.open(path)
  return file ~= nil and file:close()
end

local kept = mode ~= "anew" and assert(luacsi.connect(endpoint))
local function make_calls()
  if kept then
    call_both(kept, now())
  else
    call_anew()
  end
end

make_calls()
print("calling")
io.flush()
repeat
  make_calls()
until exists(stop) or uv.os_getppid() ~= parent

print(("%d calls, %d failures, longest %.0f ms"):format(calls, failures, longest / 1e6))
os.exit(failures == 0)
