-- What the benchmark concludes from its figures; measuring itself is no business of the specs.

local stats = require "bench.lib.stats"
local targets = require "bench.lib.targets"

local function curve(f)
  local points = {}
  for i, x in ipairs { 1, 10, 100, 1000 } do
    points[i] = { x = x, y = f(x) }
  end
  return points
end

describe("the power that a cost grows with", function()
  it("is 0 where it is flat, whatever noise there is", function()
    assert.equal(0, stats.power(curve(function(x) return 40000 + (x == 10 and 900 or 0) end)))
  end)

  it("is that of x", function()
    assert.near(1, stats.power(curve(function(x) return 40000 + 700 * x end)), 0.01)
    assert.near(2, stats.power(curve(function(x) return 40000 + 3 * x * x end)), 0.01)
    assert.near(0.5, stats.power(curve(function(x) return 40000 + 5000 * x ^ 0.5 end)), 0.05)
  end)
end)

describe("a target", function()
  local function verdicts_of_growth(f)
    local line = { label = "any", points = curve(f) }
    return targets.judge_scaling({}, { { title = "things: per call", lines = { line } } })
  end

  it("holds where a cost grows with its input", function()
    local verdicts = verdicts_of_growth(function(x) return 1000 + x end)
    assert.equal(1, #verdicts)
    assert.is_true(verdicts[1].holds)
  end)

  it("is missed where a cost grows faster", function()
    assert.is_false(verdicts_of_growth(function(x) return 1000 + x ^ 1.3 end)[1].holds)
  end)

  it("is the median of the rounds' ratios, so that a slow round does not count", function()
    local list = { { id = "none" }, { id = "metrics", label = "metrics are counted" } }
    local verdicts = targets.judge_burdens(list, {
      none = { cpu = { 5000, 9000, 5000 } },
      metrics = { cpu = { 5100, 9100, 5900 } },
    })
    assert.near(1.02, verdicts[1].figure, 0.001)
    assert.is_true(verdicts[1].holds)
    assert.equal(100, verdicts[2].figure)
    assert.is_true(verdicts[2].holds)
  end)

  it("is left out where a peer is absent", function()
    local results = { constant = { rate = { ["1x1"] = { Probe = { 10 } } } } }
    assert.same({}, targets.judge(results))
    results.floor = { rate = { ["1x1"] = { Probe = { 20 } } } }
    local verdicts = targets.judge(results)
    assert.equal(1, #verdicts)
    assert.equal("constant / floor: requests/s, 1x1", verdicts[1].what)
    assert.equal(0.5, verdicts[1].figure)
    assert.is_false(verdicts[1].holds)
  end)
end)
