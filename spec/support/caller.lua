-- A program: calls GetPluginInfo and Probe until the file STOP exists. Prints what failed; exit status 0 when
-- nothing did, and something was called.
-- usage: lua5.4 spec/support/caller.lua ENDPOINT STOP

local luacsi = require "luacsi"

local endpoint, stop = ...
local connection = assert(luacsi.connect(endpoint))
local calls, failures = 0, 0

local function call(method)
  local reply, code, message = connection:call(method)
  calls = calls + 1
  if not reply then
    failures = failures + 1
    print(method, code, message)
  end
end

local function exists(path)
  local file = io.open(path)
  return file ~= nil and file:close()
end

repeat
  call "GetPluginInfo"
  call "Probe"
until exists(stop)

connection:close()
print(("%d calls, %d failures"):format(calls, failures))
os.exit(calls > 0 and failures == 0)
