-- The handler raises, with a __close that computes for longer than a slice: it is not cut short.
-- expects: Probe INTERNAL first; NodeGetInfo OK
-- flags: --handler-cpu=5s --handler-timeout=10s

local count = 0

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local _ <close> = setmetatable({}, { __close = function()
      for _ = 1, 3000000 do count = count + 1 end
    end })
    error "first"
  end,

  NodeGetInfo = function()
    assert(count == 3000000, count)
    return { node_id = "node" }
  end,
}
