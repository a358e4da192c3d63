-- load turns the error that ends its reader into a result; the loop goes on.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    while true do
      load(function() while true do end end)
    end
  end,
}
