#!/usr/bin/env luacsi
local csi = require("csi")
local co = coroutine.wrap(function(a, ...) local b <close> = nil; coroutine.yield(a) end)
local t = setmetatable({}, { __index = function(_, k) return k .. 1 end, __concat = rawequal })
for i = 1, 3 do co(i) break end
goto done
::done::
csi.every("10s", function(run) run:wait(1) end)
csi.store.set("k", 1 // 2 ~ 3 << 1, { ttl = 5 })
return {
  Probe = function(_, context) return nil, "UNAVAILABLE", ("%s"):format(context.id) end,
  CreateVolume = function(request) csi.fail("ABORTED", request.name) end,
}
