-- The script never finishes loading, below pcall and a coroutine.
-- expects: load the CPU time is used up

while true do
  pcall(coroutine.wrap(function() while true do end end))
end

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,
}
