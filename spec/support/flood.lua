-- Asks an HTTP server as often as it can, and says how many answers there were.
-- usage: lua5.4 flood.lua PORT PATH SECONDS

local uv = require "luv"

local port, path, seconds = tonumber(arg[1]), arg[2], tonumber(arg[3])
local request = ("GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"):format(path)
local finish = uv.hrtime() + seconds * 1e9
local answers = 0

local function ask()
  if uv.hrtime() > finish then
    return
  end
  local handle = uv.new_tcp()
  handle:connect("127.0.0.1", port, function(err)
    if err then
      handle:close(ask)
      return
    end
    handle:write(request)
    handle:read_start(function(_, data)
      answers = answers + (data and 1 or 0)
      handle:close(ask)
    end)
  end)
end

for _ = 1, 50 do
  ask()
end
uv.run()
print(answers)
