-- A pattern that goes back and forth for hours, in the iterator that gmatch made.
-- expects: Probe DEADLINE_EXCEEDED
-- stuck: 1

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    for _ in ("a"):rep(3000):gmatch(("a-"):rep(6) .. "b") do end
  end,
}
