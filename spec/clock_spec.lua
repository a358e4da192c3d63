-- --clock and --seed: what a script sees of time and of chance, and how to see the same again.

local eval = require "spec.support.eval"
local host = require "spec.support.host"
local luacsi = require "luacsi"
local process = require "spec.support.process"

local START = 1767225600 -- 2026-01-01T00:00:00Z

local function virtual(...)
  return eval.serve { flags = { "--clock", "virtual", ... } }
end

local CSI = "local csi = require 'csi' "

describe("--clock real", function()
  after_each(host.teardown)

  it("is the default: csi.now, os.time and os.date tell the system's time", function()
    local before = os.time()
    local now, time, date = eval.serve():values(CSI .. "return csi.now(), os.time(), os.date('!%Y-%m-%d')")
    assert.is_true(now >= before and now < before + 3600)
    assert.is_true(time >= before and time < before + 3600)
    assert.matches("^%d%d%d%d%-%d%d%-%d%d$", date)
  end)
end)

describe("--clock virtual", function()
  after_each(host.teardown)

  it("stands where each run finds it", function()
    local subject = virtual()
    for _ = 1, 2 do
      assert.same({ START, START, "2026-01-01 00:00:00" },
        { subject:values(CSI .. "return csi.now(), os.time(), os.date('!%F %T')") })
    end
    assert.equal(START, math.floor(virtual():values(CSI .. "return csi.now()")))
  end)

  it("stands where it is told to", function()
    for _, case in ipairs {
      { "1999-12-31T23:59:59.5Z", 946684799.5 },
      { "2030-06-01T02:00:00+02:00", 1906502400 },
      { "1970-01-01T00:00:00Z", 0 },
    } do
      local subject = eval.serve { flags = { "--clock=virtual=" .. case[1] } }
      assert.equal(case[2], (subject:values(CSI .. "return csi.now()")), case[1])
    end
  end)

  it("leaves times that a script gives to os.time and os.date alone", function()
    assert.same({ 86400, "1970-01-02" }, {
      virtual():values "return os.time { year = 1970, month = 1, day = 2, hour = 0 }, os.date('!%F', 86400)",
    })
  end)

  it("lets csi.sleep(0) give others their turn", function()
    assert.equal("slept", (virtual():values(CSI .. "csi.sleep(0) return 'slept'")))
  end)

  it("does not hold up what asks the world", function()
    local subject = eval.serve { flags = { "--clock", "virtual", "--allow-exec", "/bin/true" } }
    assert.equal(0, (subject:values(CSI .. "return (csi.exec({ '/bin/true' }))")))
  end)

  it("does not keep --handler-timeout from ending a handler that sleeps", function()
    local subject = virtual("--handler-timeout", "100ms")
    local _, code, message = subject:handler(CSI .. "csi.sleep(1) return {}")
    assert.same({ "DEADLINE_EXCEEDED", "the handler took longer than it may" }, { code, message })
  end)

  it("does not keep a caller's deadline from ending the call", function()
    local _, code = virtual():handler(CSI .. "csi.sleep(1) return {}", { timeout = 0.1 })
    assert.equal("DEADLINE_EXCEEDED", code)
  end)

  it("tells a caller's deadline by its own time", function()
    local _, code, message = virtual():handler([[
      local csi = require "csi"
      local _, context = ...
      csi.fail("ABORTED", ("%.0f"):format(context.deadline - csi.now()))]], { timeout = 1000 })
    assert.same({ "ABORTED", true }, { code, tonumber(message) > 500 and tonumber(message) < 1100 })
  end)

  it("keeps what has a ttl", function()
    local subject = virtual()
    assert.equal(1, (subject:values [[
      local csi = require "csi"
      csi.store.set("key", 1, { ttl = 0.000001 })
      local before = os.clock()
      while os.clock() - before < 0.002 do end
      return csi.store.get("key")]]))
  end)

  it("keeps a reload, its watch and the log in real time", function()
    local server = host.serve {
      script = "return { GetPluginInfo = { name = 'one.example.com', vendor_version = '1' } }",
      flags = { "--clock", "virtual", "--logging-format", "json" },
    }
    process.write_file(server.dir .. "/script.lua",
      "return { GetPluginInfo = { name = 'two.example.com', vendor_version = '1' } }")
    server:wait_log "Script reloaded"
    assert.equal("two.example.com", server:connect():call("GetPluginInfo").name)
    assert.is_true(luacsi.json.decode(server:log():match "[^\n]+").ts / 1000 > START + 86400)
  end)

  it("is named where the server says that it serves", function()
    local server = virtual().server
    assert.matches(' clock="virtual"', server:wait_log('"Serving"[^\n]*'))
    assert.is_nil(eval.serve().server:wait_log('"Serving"[^\n]*'):find(" clock=", 1, true))
  end)

  it("must be one of two clocks, and begin at a time that there is", function()
    for _, text in ipairs {
      "fast", "Virtual", "virtual=", "virtual=now", "virtual=2026-01-01", "virtual=2026-02-30T00:00:00Z",
      "virtual=1969-12-31T23:59:59Z", "virtual=2200-01-01T00:00:00Z", "virtually", "real=1",
    } do
      assert.same({
        code = 2,
        stdout = "",
        stderr = ("luacsi serve: --clock: expected real, virtual, or virtual= and a time from 1970 to 2199 "
          .. 'such as 2026-01-01T00:00:00Z, got "%s"\n'):format(text),
      }, host.run { "serve", "--clock", text })
    end
  end)
end)

describe("--seed", function()
  after_each(host.teardown)

  local ROLL = "return math.random(0), math.random(0), math.random(0)"

  local function rolls(...)
    return table.concat({ eval.serve({ flags = { ... } }):values(ROLL) }, " ")
  end

  it("makes the random numbers of a script the same every time", function()
    assert.equal(rolls("--seed", "7"), rolls("--seed", "7"))
    assert.not_equal(rolls("--seed", "7"), rolls("--seed", "8"))
    assert.equal(rolls("--seed", "0"), rolls("--seed", "0"))
    assert.equal(rolls("--seed", "9223372036854775807"), rolls("--seed", "9223372036854775807"))
  end)

  it("is drawn unless given, and the log says which, so that a run can be repeated", function()
    local subject = eval.serve()
    local first = table.concat({ subject:values(ROLL) }, " ")
    local seed = subject.server:wait_log '"Serving".- seed=(%d+)'
    assert.equal(first, rolls("--seed", seed))
    assert.not_equal(first, rolls())
  end)

  it("is where each state begins, that of a reload too", function()
    local script = [[-- %s
      local name = "n" .. math.random(1000000) .. ".example.com"
      return { GetPluginInfo = { name = name, vendor_version = "1" } }]]
    local server = host.serve { script = script:format("first"), flags = { "--seed", "11" } }
    local client = server:connect()
    local name = client:call("GetPluginInfo").name
    process.write_file(server.dir .. "/script.lua", script:format("second"))
    assert.equal("11", server:wait_log '"Script reloaded".- seed=(%d+)')
    assert.equal(name, client:call("GetPluginInfo").name)
  end)

  it("begins anew at a seed that nobody chose when a script is loaded again", function()
    local server = host.serve { script = "return { Probe = {} }" }
    process.write_file(server.dir .. "/script.lua", "return { Probe = { ready = true } }")
    local second = server:wait_log '"Script reloaded".- seed=(%d+)'
    assert.not_equal(server:log():match '"Serving".- seed=(%d+)', second)
  end)

  it("must be a number that is not negative", function()
    for _, text in ipairs { "-1", "x", "1.5", "9223372036854775808" } do
      local result = host.run { "serve", "--seed=" .. text }
      assert.same({ 2, ('luacsi serve: --seed: expected integer from 0 to 9223372036854775807, got "%s"\n')
        :format(text) }, { result.code, result.stderr })
    end
  end)
end)
