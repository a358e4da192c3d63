-- What a run of the benchmark stands in: a temporary folder, two cores, and that nothing of it is left.

local measure = require "bench.lib.measure"
local program = require "bench.lib.program"
local uv = require "luv"

local session = {}

-- Progress, on one line of a terminal.
function session.say(...)
  local text = string.format(...)
  io.stderr:write(uv.guess_handle(2) == "tty" and "\r\27[K" .. text or text .. (text == "" and "" or "\n"))
end

local function clean(folder)
  program.stop_all()
  for name in uv.fs_scandir_next, assert(uv.fs_scandir(folder)) do
    os.remove(folder .. "/" .. name)
  end
  uv.fs_rmdir(folder)
end

-- Runs main(...), which returns whether all is well, and gives the exit status.
function session.run(main, ...)
  local folder = assert(uv.fs_mkdtemp("/tmp/luacsi-bench-XXXXXX"))
  for _, name in ipairs { "sigint", "sigterm" } do
    uv.new_signal():start(name, function()
      clean(folder)
      os.exit(130)
    end)
  end
  local server_cpu, client_cpu = (os.getenv("BENCH_CPUS") or "0 1"):match("^(%S+) (%S+)$")
  measure.new { folder = folder, server_cpu = server_cpu, client_cpu = client_cpu }
  local fine, result = xpcall(main, debug.traceback, ...)
  clean(folder)
  if not fine then
    io.stderr:write("\n", result, "\n")
  end
  return fine and result and 0 or 1
end

return session
