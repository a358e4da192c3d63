-- The script never finishes loading.
-- expects: load the CPU time is used up

while true do end

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,
}
