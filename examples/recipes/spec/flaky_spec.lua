local testing = require "luacsi.testing"

-- The codes of 200 calls.
local function codes(seed)
  local driver, list = testing.load { file = "flaky.lua", seed = seed }, {}
  for i = 1, 200 do
    list[i] = select(2, driver:call("Probe")) or "OK"
  end
  return table.concat(list, " ")
end

describe("a flaky driver", function()
  it("fails now and then, and the same way with the same seed", function()
    local first = codes(7)
    local _, failures = first:gsub("UNAVAILABLE", "")
    assert.is_true(failures > 0 and failures < 100)
    assert.equal(first, codes(7))
    assert.not_equal(first, codes(8))
  end)
end)
