-- A string of megabytes where CSI allows 128 bytes.
-- expects: NodeGetInfo INTERNAL

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  NodeGetInfo = function() return { node_id = ("x"):rep(5000000) } end,
}
