-- What a process takes of the machine, by /proc.

local host = require "spec.support.host"
local process = require "spec.support.process"

local usage = {}

-- KiB that are resident.
function usage.memory_kb(pid)
  return tonumber(process.read_file(("/proc/%d/status"):format(pid)):match("VmRSS:%s*(%d+) kB"))
end

-- How many file descriptors are open.
function usage.descriptors(pid)
  return #host.files_in(("/proc/%d/fd"):format(pid))
end

return usage
