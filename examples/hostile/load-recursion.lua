-- Loading recurses without a bottom.
-- expects: load not enough memory
-- flags: --handler-cpu=2s --handler-timeout=5s

local function f() return 1 + f() end
f()

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,
}
