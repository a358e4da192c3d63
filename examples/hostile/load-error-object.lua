-- Loading raises an object that never ends to be shown.
-- expects: load something that is no string

error(setmetatable({}, { __tostring = function() while true do end end }))

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,
}
