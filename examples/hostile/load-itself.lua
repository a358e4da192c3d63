-- A module that requires itself.
-- expects: load requires itself

require "load-itself"

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,
}
