-- The handlers, beside ten checks that each run ten times a second.
local csi = require "csi"

for i = 1, 10 do
  csi.check("check " .. i, { every = 0.1 }, function()
    return csi.stat("/")
  end)
end

return require "handler"
