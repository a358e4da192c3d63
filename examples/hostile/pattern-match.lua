-- A pattern that goes back and forth for hours, inside one call of match, with captures.
-- expects: Probe DEADLINE_EXCEEDED
-- stuck: 1

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    return { ready = ("a"):rep(3000):match("^" .. ("(a*)"):rep(6) .. "b") ~= nil }
  end,
}
