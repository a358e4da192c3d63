-- A program: calls GetPluginInfo and Probe until the file STOP exists, or who started it is gone. Prints
-- "calling" after the first calls, what failed, and at the end "N calls, N failures, longest N ms"; exit
-- status 0 when nothing failed.
-- usage: lua5.4 spec/support/caller.lua ENDPOINT STOP [anew]    anew: a connection for each pair of calls

local luacsi = require "luacsi"
local uv = require "luv"

local endpoint, stop, anew = ...
local parent = uv.os_getppid()
local TIMEOUT = 60
local calls, failures, longest = 0, 0, 0

local function failed(...)
  failures = failures + 1
  print(...)
end

-- One call. since: when the caller began to want it.
local function call(connection, method, since)
  local reply, code, message = connection:call(method, {}, { timeout = TIMEOUT })
  longest = math.max(longest, uv.hrtime() - since)
  calls = calls + 1
  if not reply then
    failed(method, code, message)
  end
end

local function call_both(connection, since)
  call(connection, "GetPluginInfo", since)
  call(connection, "Probe", uv.hrtime())
end

local function call_anew()
  local since = uv.hrtime()
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

local kept = not anew and assert(luacsi.connect(endpoint))
local function make_calls()
  if kept then
    call_both(kept, uv.hrtime())
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
