-- Loading takes all memory.
-- expects: load not enough memory

local t = {}
for i = 1, math.huge do t[i] = {} end

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,
}
