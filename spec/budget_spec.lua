-- What a script may take: time, processor, memory, calls in flight; and who goes on meanwhile.

local host = require "spec.support.host"
local process = require "spec.support.process"
local wait = require "spec.support.wait"

local OVER_TIME = "the handler took longer than it may"
local OVER_CPU = "the handler computed for longer than it may"

-- A server of a script with these handlers (Lua text of a table's inside; before: text in front of it), and
-- a connection to it.
local function serve(handlers, options)
  options = options or {}
  local server = host.serve {
    script = ([[
      local csi = require "csi"
      %s
      return {
        %s,
        GetPluginInfo = function() return { name = "budget.csi.example.com", vendor_version = "1" } end,
      }
    ]]):format(options.before or "", handlers),
    flags = options.flags,
  }
  return server, server:connect()
end

local function answers(client)
  assert.equal("budget.csi.example.com", (assert(client:call("GetPluginInfo", {}, { timeout = 10 }))).name)
end

-- Seconds that fn takes.
local function seconds(fn)
  local uv = require "luv"
  local before = uv.hrtime()
  fn()
  return (uv.hrtime() - before) / 1e9
end

-- Starts calls in processes of their own; gives the list.
local function start_calls(server, method, n, timeout)
  local list = {}
  for i = 1, n do
    list[i] = host.start {
      "call", "--endpoint", server.endpoint, "--timeout", timeout or "60s", "--json", method,
    }
  end
  return list
end

local function status(client)
  return assert(client:call "luacsi.v1.Host/GetStatus")
end

-- Once so many handlers are suspended.
local function wait_for_tasks(server, n)
  local client = server:connect()
  assert(wait.for_(function() return status(client).suspended_tasks == n end), "no " .. n .. " tasks")
end

local function ended(child)
  child:wait()
  child.done = true
  return child.code, child:stderr()
end

describe("--handler-timeout", function()
  after_each(host.teardown)

  it("ends a handler that waits", function()
    local _, client = serve("Probe = function() csi.sleep(60) end",
      { flags = { "--handler-timeout", "100ms" } })
    local took = seconds(function()
      assert.same({ nil, "DEADLINE_EXCEEDED", OVER_TIME }, { client:call("Probe") })
    end)
    assert(took >= 0.1, took)
    answers(client)
  end)

  it("ends a handler that computes", function()
    local _, client = serve("Probe = function() while true do end end",
      { flags = { "--handler-timeout", "100ms", "--handler-cpu", "60s" } })
    assert.same({ nil, "DEADLINE_EXCEEDED", OVER_TIME }, { client:call("Probe") })
    answers(client)
  end)

  it("counts all waits of a call together", function()
    local _, client = serve("Probe = function() for _ = 1, 1000 do csi.sleep(0.01) end end",
      { flags = { "--handler-timeout", "200ms" } })
    assert.same({ nil, "DEADLINE_EXCEEDED", OVER_TIME }, { client:call("Probe") })
  end)

  it("lets what is faster be", function()
    local _, client = serve("Probe = function() csi.sleep(0.05) return { ready = true } end",
      { flags = { "--handler-timeout", "30s" } })
    assert.same({ ready = true }, client:call("Probe"))
  end)
end)

describe("--handler-cpu", function()
  after_each(host.teardown)

  it("ends a handler that computes, before its time is over", function()
    local _, client = serve("Probe = function() while true do end end",
      { flags = { "--handler-cpu", "50ms", "--handler-timeout", "60s" } })
    assert.same({ nil, "DEADLINE_EXCEEDED", OVER_CPU }, { client:call("Probe") })
    answers(client)
  end)

  it("does not count what is waited", function()
    local _, client = serve("Probe = function() csi.sleep(0.3) return { ready = true } end",
      { flags = { "--handler-cpu", "50ms" } })
    assert.same({ ready = true }, client:call("Probe"))
  end)

  it("counts what is computed between waits", function()
    local _, client = serve([[Probe = function()
      while true do
        local before = os.clock()
        while os.clock() - before < 0.01 do end
        csi.sleep(0.001)
      end
    end]], { flags = { "--handler-cpu", "100ms", "--handler-timeout", "60s" } })
    assert.same({ nil, "DEADLINE_EXCEEDED", OVER_CPU }, { client:call("Probe") })
  end)

  it("begins anew for each call", function()
    local _, client = serve([[Probe = function()
      local before = os.clock()
      while os.clock() - before < 0.03 do end
      return { ready = true }
    end]], { flags = { "--handler-cpu", "5s" } })
    for _ = 1, 5 do
      assert.same({ ready = true }, client:call("Probe"))
    end
  end)

  it("says in the log where the handler was", function()
    local server, client = serve("Probe = function()\n while true do end\n end",
      { flags = { "--handler-cpu", "50ms" } })
    client:call("Probe")
    assert(server:log():find('"Handler stopped" method="Probe".*script.lua:%d+'), server:log())
  end)
end)

describe("the caller's deadline", function()
  after_each(host.teardown)

  it("ends a handler that waits, when it is the sooner one", function()
    local server, client = serve([[
      Probe = function()
        csi.store.set("began", true)
        csi.sleep(60)
        csi.store.set("went on", true)
      end,
      NodeGetInfo = function()
        return { node_id = ("%s %s"):format(csi.store.get("began"), csi.store.get("went on")) }
      end]], { flags = { "--handler-timeout", "60s" } })
    assert.equal("DEADLINE_EXCEEDED", (select(2, client:call("Probe", {}, { timeout = 1 }))))
    wait_for_tasks(server, 0)
    assert.equal("true nil", client:call("NodeGetInfo").node_id)
  end)

  it("ends a handler that computes", function()
    local server, client = serve("Probe = function() while true do end end",
      { flags = { "--handler-timeout", "60s", "--handler-cpu", "60s" } })
    assert.equal("DEADLINE_EXCEEDED", (select(2, client:call("Probe", {}, { timeout = 0.1 }))))
    wait_for_tasks(server, 0)
    answers(client)
  end)

  it("changes nothing when it is the later one", function()
    local _, client = serve("Probe = function() csi.sleep(60) end",
      { flags = { "--handler-timeout", "100ms" } })
    assert.same({ nil, "DEADLINE_EXCEEDED", OVER_TIME }, { client:call("Probe", {}, { timeout = 60 }) })
  end)
end)

describe("a caller that goes away", function()
  after_each(host.teardown)

  for name, body in pairs { waits = "csi.sleep(60)", computes = "while true do end" } do
    it("ends its handler that " .. name, function()
      local server, client = serve(("Probe = function() %s end"):format(body),
        { flags = { "--handler-timeout", "60s", "--handler-cpu", "60s" } })
      local child = start_calls(server, "Probe", 1)[1]
      wait_for_tasks(server, 1)
      child:signal("sigkill")
      ended(child)
      wait_for_tasks(server, 0)
      answers(client)
    end)
  end
end)

describe("--max-in-flight", function()
  after_each(host.teardown)

  it("ends the call that is too much, and only that", function()
    local server, client = serve("Probe = function() csi.sleep(60) end",
      { flags = { "--max-in-flight", "4", "--handler-timeout", "60s" } })
    local children = start_calls(server, "Probe", 3)
    wait_for_tasks(server, 3)
    answers(client) -- the fourth
    children[4] = start_calls(server, "Probe", 1)[1]
    assert(wait.for_(function()
      local _, code, message = client:call("GetPluginInfo")
      return code == "RESOURCE_EXHAUSTED" and message == "too many calls are in flight"
    end))
    for _, child in ipairs(children) do
      child:signal("sigkill")
      ended(child)
    end
    assert(wait.for_(function() return client:call("GetPluginInfo") end))
    answers(client)
  end)
end)

describe("--memory", function()
  after_each(host.teardown)

  local GROW = [[Probe = function()
    local t = {}
    for i = 1, math.huge do t[i] = {} end
  end]]

  it("ends the call that takes too much, while others go on", function()
    local server, client = serve(GROW .. [[,
      NodeGetInfo = function()
        csi.sleep(0.5)
        return { node_id = "went on" }
      end]], { flags = { "--memory", "8MB", "--handler-cpu", "10s", "--handler-timeout", "30s" } })
    local other = start_calls(server, "NodeGetInfo", 1)[1]
    wait_for_tasks(server, 1)
    assert.same({ nil, "RESOURCE_EXHAUSTED", "the script ran out of memory" }, { client:call("Probe") })
    answers(client)
    assert.equal(0, (ended(other)))
    assert.matches("went on", other:stdout())
  end)

  it("is what the script may have: more of it, more is possible", function()
    local handlers = [[Probe = function()
      local t = {}
      for i = 1, 20 do t[i] = ("x"):rep(1 << 20) .. i end
      return { ready = true }
    end]]
    local _, client = serve(handlers, { flags = { "--memory", "16MB", "--handler-cpu", "10s" } })
    assert.equal("RESOURCE_EXHAUSTED", (select(2, client:call("Probe"))))
    _, client = serve(handlers, { flags = { "--memory", "32MB", "--handler-cpu", "10s" } })
    assert.same({ ready = true }, client:call("Probe"))
  end)

  it("holds for prepared replies, whose bytes lie outside of Lua", function()
    local _, client = serve([[Probe = function()
      while true do
        kept[#kept + 1] = csi.reply("NodeGetInfo", { node_id = ("x"):rep(1 << 20) })
      end
    end,
    NodeGetInfo = function()
      kept = {}
      return { node_id = tostring(pcall(csi.reply, "Probe", {})) }
    end]],
      { before = "kept = {}", flags = { "--memory", "8MB", "--validate", "off", "--handler-cpu", "10s" } })
    assert.same({ nil, "RESOURCE_EXHAUSTED" }, { client:call("Probe"), (select(2, client:call("Probe"))) })
    assert.equal("true", client:call("NodeGetInfo").node_id) -- once they are dropped, there is room again
    answers(client)
  end)

  it("ends calls that wait when what they hold together is too much", function()
    local server, client = serve([[Probe = function()
      pcall(csi.reply, "NodeGetInfo", { node_id = ("x"):rep(1 << 20) }) -- lies in the memory of the call
      csi.sleep(60)
    end]], { flags = { "--memory", "8MB", "--validate", "off", "--handler-timeout", "60s" } })
    local children = start_calls(server, "Probe", 8)
    local exhausted
    assert(wait.for_(function()
      for _, child in ipairs(children) do
        exhausted = exhausted or child.code and child:stderr()
      end
      return exhausted
    end))
    assert.matches("^RESOURCE_EXHAUSTED: ", exhausted)
    answers(client)
    for _, child in ipairs(children) do
      if not child.code then
        child:signal("sigkill")
      end
      ended(child)
    end
    wait_for_tasks(server, 0)
    answers(client)
  end)
end)

describe("a script that loads", function()
  after_each(host.teardown)

  local function refused(script, ...)
    local result = host.serve_refused { script = script, flags = { ... } }
    assert.equal(1, result.code)
    return result.stderr
  end

  it("has the same time, the same processor, the same memory", function()
    assert.matches("the CPU time is used up", refused("while true do end", "--handler-cpu", "50ms"))
    assert.matches("the time is over",
      refused("while true do end", "--handler-cpu", "60s", "--handler-timeout", "100ms"))
    assert.matches("not enough memory", refused("local t = {} for i = 1, math.huge do t[i] = {} end",
      "--memory", "4MB", "--handler-cpu", "10s", "--handler-timeout", "60s"))
  end)

  it("and is stuck inside one C function ends the process", function()
    assert.matches("Loading the script is stuck inside one C function",
      refused('string.find(("a"):rep(3000), ("a-"):rep(6) .. "b")', "--handler-timeout", "200ms"))
  end)

  it("and is stuck while another one serves changes nothing", function()
    local server, client = serve("Probe = { ready = true }", { flags = { "--handler-timeout", "200ms" } })
    process.write_file(server.dir .. "/script.lua",
      'string.find(("a"):rep(3000), ("a-"):rep(6) .. "b") return {}')
    server:wait_log '"Script not reloaded, the one before goes on" reason="loading it is stuck'
    answers(client)
  end)
end)

describe("background work", function()
  after_each(host.teardown)

  it("has budgets of its own, run by run", function()
    local server, client = serve("Probe = { ready = true }", {
      before = [[
        csi.every(0.01, function() while true do end end)
        csi.every(0.01, function() csi.sleep(60) end, { timeout = 0.05 })
        csi.every(0.01, function() local t = {} for i = 1, math.huge do t[i] = {} end end)]],
      flags = { "--handler-cpu", "50ms", "--memory", "4MB", "--handler-timeout", "60s" },
    })
    for _, message in ipairs { OVER_CPU, OVER_TIME } do
      server:wait_log('"Background work failed".-code="DEADLINE_EXCEEDED" message="' .. message)
    end
    server:wait_log '"Background work failed".-code="[DR][%u_]+"'
    answers(client)
  end)

  it("has an end that is counted", function()
    local _, client = serve("Probe = function() while true do csi.every(60, print) end end")
    assert.same({ nil, "RESOURCE_EXHAUSTED", "more than 1000 pieces of background work" },
      { client:call("Probe") })
    answers(client)
  end)
end)

describe("a handler that computes", function()
  after_each(host.teardown)

  local flags = { "--handler-cpu", "60s", "--handler-timeout", "60s" }

  -- Other calls are answered while Probe computes until NodeGetInfo tells it to stop.
  for name, body in pairs {
    ["in a loop"] = "spin()",
    ["below pcall"] = "pcall(pcall, spin)",
    ["in coroutines of its own"] = "coroutine.wrap(function() return coroutine.wrap(spin)() end)()",
    ["in a metamethod"] = "local _ = setmetatable({}, { __index = spin }).x",
    ["in an iterator"] = "for _ in spin do end",
    ["in __close"] = "do local _ <close> = setmetatable({}, { __close = spin }) end",
  } do
    it(name .. " lets others be answered", function()
      local server, client = serve(([[
        Probe = function() %s return { ready = true } end,
        NodeGetInfo = function()
          stop = true
          return { node_id = "told" }
        end]]):format(body),
        { before = "local stop local function spin() while not stop do end end", flags = flags })
      local child = start_calls(server, "Probe", 1)[1]
      wait_for_tasks(server, 1)
      for _ = 1, 20 do
        answers(client)
      end
      assert.is_nil(child.code)
      assert.equal("told", client:call("NodeGetInfo").node_id)
      assert.equal(0, (ended(child)))
    end)
  end

  it("shares with others that compute", function()
    local server = serve([[
      Probe = function()
        here = here + 1
        while here < 3 do end
        return { ready = true }
      end]], { before = "here = 0", flags = flags })
    for _, child in ipairs(start_calls(server, "Probe", 3)) do
      assert.equal(0, (ended(child)))
    end
  end)
end)

describe("a handler that is stuck inside one C function", function()
  after_each(host.teardown)

  local STUCK = 'Probe = function() string.find(("a"):rep(3000), ("a-"):rep(6) .. "b") end'
  local flags = { "--handler-cpu", "50ms", "--handler-timeout", "60s", "--no-watch" }

  it("is given up; a fresh state serves on, with the same store", function()
    local _, client = serve(STUCK .. [[,
      NodeGetInfo = function()
        return { node_id = ("%d %s"):format(csi.store.incr("kept"), tostring(global)) }
      end,
      DeleteVolume = function() global = "lost" return {} end]], { flags = flags })
    assert(client:call("DeleteVolume", { volume_id = "x" }))
    assert.equal("1 lost", client:call("NodeGetInfo").node_id)
    assert.same({ nil, "DEADLINE_EXCEEDED", "the handler is stuck and was given up" },
      { client:call("Probe") })
    assert.equal("2 nil", client:call("NodeGetInfo").node_id)
    assert.equal(1, status(client).abandoned_threads)
  end)

  it("takes the calls along that wait in the same state", function()
    local server, client = serve(STUCK .. ", NodeGetInfo = function() csi.sleep(60) end", { flags = flags })
    local other = start_calls(server, "NodeGetInfo", 1)[1]
    wait_for_tasks(server, 1)
    client:call("Probe")
    local code, text = ended(other)
    assert.equal(1, code)
    assert.equal("UNAVAILABLE: the script's state was given up because of another call\n", text)
    answers(client)
  end)

  it("three times ends the process, for its supervisor", function()
    local server, client = serve(STUCK, { flags = flags })
    for _ = 1, 2 do
      assert.equal("DEADLINE_EXCEEDED", (select(2, client:call("Probe"))))
      answers(client)
    end
    assert.equal("UNAVAILABLE", (select(2, client:call("Probe"))))
    assert.equal(70, server.process:wait())
    assert.matches("Too many threads are stuck, the process ends", server:log())
    server.process.done = true
    local again = host.serve { script = "return { Probe = { ready = true } }", socket = server.socket }
    assert.same({ ready = true }, again:connect():call("Probe"))
  end)
end)
