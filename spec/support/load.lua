-- Load from other processes: load.start(endpoint) calls GetPluginInfo and Probe until it is stopped. It
-- returns once the calls have begun.

local folder = require "spec.support.folder"
local process = require "spec.support.process"
local wait = require "spec.support.wait"

local LIMIT = 120 -- seconds; a busy machine starts processes slowly

local load = {}
local Load = { __index = {} }

-- callers: a list of modes, one process each: "kept" has one connection, "anew" one for each two calls.
-- server: the number of its process, for figures that are those of an idle machine (see caller.lua). The spec
-- says folder.remove_all afterwards.
function load.start(endpoint, callers, server)
  local self = setmetatable({ stop_file = folder.make() .. "/stop", processes = {} }, Load)
  for i, mode in ipairs(callers or { "kept" }) do
    self.processes[i] = process.start(
      { "lua5.4", "spec/support/caller.lua", endpoint, self.stop_file, mode, server and tostring(server) },
      { dir = folder.make() })
  end
  for _, caller in ipairs(self.processes) do
    local function begun() return caller.code or caller:stdout():find "^calling\n" end
    assert(wait.for_(begun, LIMIT), "no call")
  end
  return self
end

-- Ends it. Gives { calls =, failures =, longest = (seconds), text = (what failed) }.
function Load.__index:stop()
  process.write_file(self.stop_file, "")
  local total = { calls = 0, failures = 0, longest = 0, text = "" }
  for _, caller in ipairs(self.processes) do
    local code, text = caller:wait(LIMIT), caller:stdout()
    local calls, failures, longest = text:match("(%d+) calls, (%d+) failures, longest (%d+) ms\n$")
    if not calls then
      error(("the caller ends with %d: %s%s"):format(code, text, caller:stderr()))
    end
    total.calls = total.calls + math.tointeger(calls)
    total.failures = total.failures + math.tointeger(failures)
    total.longest = math.max(total.longest, tonumber(longest) / 1000)
    total.text = total.text .. (failures == "0" and "" or text)
  end
  return total
end

return load
