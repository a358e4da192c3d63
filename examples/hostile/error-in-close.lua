-- Errors out of __close take each other's place.
-- expects: Probe INTERNAL third

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local function raise(message) return setmetatable({}, { __close = function() error(message, 0) end }) end
    local _, message = pcall(function()
      local a <close> = raise "third"
      local b <close> = raise "second"
      error("first " .. tostring(a) .. tostring(b))
    end)
    error(message, 0)
  end,
}
