-- table.insert into a list that claims to be endless only when it is asked again.
-- expects: Probe DEADLINE_EXCEEDED
-- stuck: 1

return {
  GetPluginInfo = function()
    return { name = "hostile.example.com", vendor_version = "1.0.0" }
  end,

  Probe = function()
    local asked = 0
    local list = setmetatable({}, { __len = function()
      asked = asked + 1
      return asked == 1 and 1 or math.maxinteger - 1
    end })
    table.insert(list, 1, "x")
  end,
}
