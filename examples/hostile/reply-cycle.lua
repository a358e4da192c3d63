-- A reply that holds itself.
-- expects: Probe INTERNAL

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local reply = {}
    reply.ready = reply
    return reply
  end,
}
