-- Variables to close that open variables to close.
-- expects: Probe INTERNAL

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local function f()
      local _ <close> = setmetatable({}, { __close = f })
    end
    f()
  end,
}
