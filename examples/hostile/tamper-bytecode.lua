-- Bytecode that would crash the interpreter.
-- expects: Probe INTERNAL attempt to load a binary chunk

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    return assert(load("\27Lua\x54\0\x19\x93\r\n\x1a\n" .. ("\xff"):rep(100)))
  end,
}
