-- The handlers, beside a thousand timers that each run once a second.
local csi = require "csi"

for _ = 1, 1000 do
  csi.every(1, function() end)
end

return require "handler"
