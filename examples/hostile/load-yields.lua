-- Loading yields to nobody.
-- expects: load attempt to yield from outside a coroutine

coroutine.yield()

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,
}
