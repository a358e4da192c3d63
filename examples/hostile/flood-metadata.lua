-- A handler that asks for everything about its call, again and again.
-- expects: Probe DEADLINE_EXCEEDED

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function(_, context)
    while true do
      for key, value in pairs(context.metadata) do context[key .. value] = context end
    end
  end,
}
