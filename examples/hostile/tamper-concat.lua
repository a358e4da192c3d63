-- A __concat that makes the stack grow, for which this Lua uses freed memory.
-- expects: Probe INTERNAL __concat is not available

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local function grow(n) return n == 0 and 1 or 1 + grow(n - 1) end
    local function concat() return "x" .. grow(20000) end
    local t = setmetatable({}, { __concat = concat })
    return coroutine.wrap(function() return "a" .. "b" .. t .. "c" .. t end)()
  end,
}
