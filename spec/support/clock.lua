-- A wall clock of a server's own that can be set while it runs, by clock.c. Its other clocks go on.

local folder = require "spec.support.folder"
local uv = require "luv"

local clock = {}
local Clock = { __index = {} }

-- A clock that is right; env is what a server needs in its environment. The spec says folder.remove_all.
function clock.new()
  local file = folder.make { clock = string.pack("=i8", 0) } .. "/clock"
  local library = assert(uv.fs_realpath("build/clock.so"))
  return setmetatable({ file = file, env = { LD_PRELOAD = library, SPEC_CLOCK = file } }, Clock)
end

-- Sets it to be so many seconds ahead, or behind.
function Clock.__index:set(seconds)
  local file = assert(uv.fs_open(self.file, "r+", 0))
  assert(uv.fs_write(file, string.pack("=i8", seconds), 0))
  assert(uv.fs_close(file))
end

return clock
