-- Loading is stuck inside one C function.
-- expects: load stuck

local _ = ("a"):rep(3000):find(("a-"):rep(6) .. "b")

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,
}
