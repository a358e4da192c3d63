-- Waiting for a thing, with a limit. Everything in the specs that waits comes here: libuv's loop runs
-- meanwhile, so exits and bytes arrive.

local uv = require "luv"

-- What a healthy run never reaches. Under valgrind all is some 30 times slower.
local LIMIT = os.getenv("LUACSI_WRAPPER") and 120 or 15
local LOOK_AGAIN_MS = 2

local wait = {}

-- Runs the loop until condition() is true, and gives what it gave; nil once the limit passed (seconds,
-- or the generous default).
function wait.for_(condition, limit)
  local timer = uv.new_timer()
  timer:start(LOOK_AGAIN_MS, LOOK_AGAIN_MS, function() end) -- condition may ask for files and sockets
  local last = uv.hrtime() + (limit or LIMIT) * 1e9
  local result = condition()
  while not result and uv.hrtime() < last do
    uv.run("once")
    result = condition()
  end
  timer:close()
  return result or nil
end

return wait
