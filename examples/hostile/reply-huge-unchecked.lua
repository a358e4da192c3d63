-- A string of megabytes, with the rules off.
-- expects: NodeGetInfo OK
-- flags: --validate=off

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  NodeGetInfo = function() return { node_id = ("x"):rep(5000000) } end,
}
