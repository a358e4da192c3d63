-- A coroutine that waits, was left waiting by a call that ended, and is resumed out of a sort.
-- expects: NodeGetInfo DEADLINE_EXCEEDED; Probe DEADLINE_EXCEEDED
local csi = require "csi"

local outer = coroutine.create(function()
  coroutine.wrap(function() csi.sleep(60) end)()
end)

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    table.sort({ 2, 1 }, function() coroutine.resume(outer) while true do end end)
  end,

  NodeGetInfo = function() coroutine.resume(outer) end,
}
