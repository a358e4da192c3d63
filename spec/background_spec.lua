-- What runs beside the calls: csi.every, csi.check and csi.readiness, csi.run and csi.coalesce.

local host = require "spec.support.host"
local log = require "spec.support.log"
local luacsi = require "luacsi"
local process = require "spec.support.process"
local wait = require "spec.support.wait"

-- A script with two RPCs besides its own: CreateVolume shows what look() gives, as JSON; DeleteVolume
-- has told(volume_id) called. The text sets these two, and may set probe.
local function script_of(text)
  return [[
    local csi = require "csi"
    local look, told, probe
    local function refusals(attempts)
      local list = csi.json.array()
      for i, attempt in ipairs(attempts) do
        local ok, err = pcall(table.unpack(attempt, 1, attempt.n))
        list[i] = ok and "accepted" or tostring(err)
      end
      return list
    end
  ]] .. text .. [[

    return {
      GetPluginInfo = { name = "background.csi.example.com", vendor_version = "1" },
      Probe = probe,
      CreateVolume = function()
        return { volume = { volume_id = csi.json.encode(look()) } }
      end,
      DeleteVolume = function(request)
        told(request.volume_id)
        return {}
      end,
    }
  ]]
end

local Subject = { __index = {} }

-- options: flags, a list.
local function serve(text, options)
  local more = options and options.flags or {}
  local flags = table.move(more, 1, #more, 3, { "--validate", "off" })
  local server = host.serve { script = script_of(text), flags = flags }
  return setmetatable({ server = server, client = server:connect() }, Subject)
end

function Subject.__index:look()
  local reply, code, message = self.client:call("CreateVolume", { name = "look" })
  if not reply then
    error(("%s: %s"):format(code, message), 2)
  end
  return assert(luacsi.json.decode(reply.volume.volume_id))
end

-- Looks until condition(what look gives) is true, and gives what it saw last.
function Subject.__index:look_until(condition)
  local seen
  local met = wait.for_(function()
    seen = self:look()
    return condition(seen)
  end)
  return met and seen or error("not met by " .. luacsi.json.encode(seen), 2)
end

function Subject.__index:tell(text)
  assert(self.client:call("DeleteVolume", { volume_id = text }))
end

-- Replaces the script, and returns once the new one serves.
function Subject.__index:reload(text)
  process.write_file(self.server.dir .. "/script.lua", script_of(text))
  self.server:wait_log '"Script reloaded"'
end

-- Starts a call and leaves it to itself.
function Subject.__index:start(method, request)
  return host.start {
    "call", method, luacsi.json.encode(request or {}), "--json", "--timeout", "60s",
    "--endpoint", self.server.endpoint,
  }
end

local function answer_of(call)
  call:wait()
  return luacsi.json.decode(call:stdout())
end

local function assert_all_find(patterns, texts)
  assert.equal(#patterns, #texts)
  for i, pattern in ipairs(patterns) do
    assert.matches(pattern, texts[i], nil, nil, i)
  end
end

describe("csi.every", function()
  after_each(host.teardown)

  it("calls the function once the script serves, and again and again", function()
    local subject = serve [[
      local n = 0
      csi.every(0.001, function() n = n + 1 end)
      look = function() return { n = n } end
    ]]
    subject:look_until(function(seen) return seen.n >= 5 end)
  end)

  it("waits for the period, less a tenth at most, from an end to the next beginning", function()
    local seen = serve([[
      local n, pauses, ended = 0, csi.json.array()
      csi.every(0.05, function()
        if ended then
          pauses[#pauses + 1] = csi.now() - ended
        end
        csi.sleep(0.01)
        ended = csi.now()
      end)
      look = function() return pauses end
    ]]):look_until(function(pauses) return #pauses >= 5 end)
    for _, pause in ipairs(seen) do
      assert.is_true(pause > 0.044, tostring(pause))
    end
  end)

  it("never runs the function twice at once", function()
    local seen = serve([[
      local n, inside, most = 0, 0, 0
      csi.every(0.001, function()
        inside = inside + 1
        most = math.max(most, inside)
        csi.sleep(0.01)
        inside = inside - 1
        n = n + 1
      end)
      look = function() return { n = n, most = most } end
    ]]):look_until(function(state) return state.n >= 5 end)
    assert.equal(1, seen.most)
  end)

  it("begins in the order of the script", function()
    local seen = serve([[
      local order = csi.json.array()
      for i = 1, 5 do
        csi.every(3600, function() order[#order + 1] = i end)
      end
      look = function() return order end
    ]]):look_until(function(order) return #order == 5 end)
    assert.same({ 1, 2, 3, 4, 5 }, seen)
  end)

  it("logs and counts what fails, and goes on", function()
    local subject = serve [[
      local n = 0
      csi.every(0.001, function()
        n = n + 1
        if n % 2 == 0 then error("boom " .. n) end
        csi.fail("ABORTED", "flop " .. n)
      end)
      look = function() return { n = n } end
    ]]
    subject:look_until(function(seen) return seen.n >= 4 end)
    subject.server:wait_log "boom 4"
    local lines = log.matching(subject.server:log(), "^Background work failed$")
    assert.matches("^csi%.every at .*script%.lua:%d+$", lines[1].fields.name)
    assert.same({ 1, "ABORTED", "flop 1" },
      { lines[1].fields.failures, lines[1].fields.code, lines[1].fields.message })
    assert.same({ 2, "INTERNAL" }, { lines[2].fields.failures, lines[2].fields.code })
    assert.matches("script%.lua:%d+: boom 2$", lines[2].fields.message)
    assert.equal(3, lines[3].fields.failures)
  end)

  it("ends a run that waits for longer than its timeout", function()
    local subject = serve [[
      local n = 0
      csi.every(0.001, function()
        n = n + 1
        csi.sleep(3600)
      end, { timeout = 0.02 })
      look = function() return { n = n } end
    ]]
    subject:look_until(function(seen) return seen.n >= 3 end)
    local line = log.matching(subject.server:log(), "^Background work failed$")[1]
    assert.equal("DEADLINE_EXCEEDED", line.fields.code)
  end)

  it("ends a run that computes for longer than a handler may, and calls are answered meanwhile", function()
    local subject = serve([[
      local n = 0
      csi.every(0.001, function()
        n = n + 1
        while true do end
      end)
      look = function() return { n = n } end
    ]], { flags = { "--handler-cpu", "50ms" } })
    subject:look_until(function(seen) return seen.n >= 2 end)
    subject.server:wait_log "computed for longer than it may"
  end)

  it("ends at a reload, in the middle of a run, too", function()
    local subject = serve [[
      csi.every(0.001, function() csi.store.incr("old") end)
      csi.every(0.001, function()
        csi.store.set("begun", true)
        csi.sleep(0.2)
        csi.store.set("ended", true)
      end)
      look = function() return { begun = csi.store.get("begun") } end
    ]]
    subject:look_until(function(seen) return seen.begun end)
    subject:reload [[
      csi.store.set("ended", nil)
      csi.every(0.01, function() csi.store.incr("new") end)
      look = function()
        local get = csi.store.get
        return { old = get("old"), new = get("new") or 0, ended = get("ended") }
      end
    ]]
    local before = subject:look_until(function(seen) return seen.new >= 1 end)
    local after = subject:look_until(function(seen) return seen.new >= 25 end)
    assert.equal(before.old, after.old)
    assert.is_nil(after.ended)
    assert.same({}, log.matching(subject.server:log(), "Background work failed"))
  end)

  it("does not hold up the end of the server", function()
    local subject = serve [[
      local begun = false
      csi.every(1, function()
        begun = true
        csi.sleep(3600)
      end, { timeout = 3600 })
      look = function() return { begun = begun } end
    ]]
    subject:look_until(function(seen) return seen.begun end)
  end)

  it("says what is wrong with its arguments", function()
    assert_all_find({
      "#1 to '.-' %(expected seconds, from 0%.001 to a year", "expected seconds", "expected seconds",
      "#2 to '.-' %(function expected", "unknown option timout %(did you mean timeout%?%)",
      "timeout: expected seconds",
    }, serve([[
      local f = function() end
      local every = csi.every
      look = function()
        return refusals {
          { every, "1", f, n = 3 }, { every, 0, f, n = 3 }, { every, 0 / 0, f, n = 3 }, { every, 1, n = 2 },
          { every, 1, f, { timout = 1 }, n = 4 }, { every, 1, f, { timeout = 0 }, n = 4 },
        }
      end
    ]]):look())
  end)

  it("may be there a thousand times; then it is refused", function()
    local seen = serve([[
      look = function()
        local n = 0
        while pcall(csi.every, 3600, function() end) do
          n = n + 1
        end
        local _, status = pcall(csi.every, 1, function() end)
        return { n = n, code = status.code, message = status.message }
      end
    ]]):look()
    assert.same({
      n = 1000, code = "RESOURCE_EXHAUSTED", message = "more than 1000 pieces of background work",
    }, seen)
  end)
end)

-- A check that answers from the list `answers`, one a run, and then with the last one for ever; `states`
-- is its state before each run.
local PLAYED = [[
  local check
  local states = csi.json.array()
  local run = 0
  local function play(answers, options)
    check = csi.check("played", options, function()
      run = math.min(run + 1, #answers)
      states[#states + 1] = check.state
      return table.unpack(answers[run], 1, 2)
    end)
  end
  look = function() return { states = states, reason = check.reason, state = check.state } end
]]

local function play(answers, options, n)
  local subject = serve(PLAYED .. ("play(%s, %s)"):format(answers, options))
  local seen = subject:look_until(function(state) return #state.states >= n end)
  return table.move(seen.states, 1, n, 1, {}), subject
end

describe("csi.check", function()
  after_each(host.teardown)

  it("is up after `rise` passes in a row, down after `fall` failures in a row", function()
    assert.same({
      "unknown", "unknown", "unknown", "unknown", -- before the fourth pass
      "up", "up", "up", "up",
      "down", "down",
      "up",
    }, (play([[{
      { true }, { nil, "x" }, { true }, { true },
      { nil, "x" }, { true }, { nil, "x" }, { nil, "x" },
      { true }, { true },
      { true },
    }]], "{ every = 0.001, rise = 2, fall = 2 }", 11)))
  end)

  it("is up after one pass, down after three failures, unless it is told otherwise", function()
    assert.same({ "unknown", "up", "up", "up", "down", "up" },
      (play("{ { true }, { nil }, { nil }, { nil }, { true }, { true } }", "{ every = 0.001 }", 6)))
  end)

  it("tells what is not yet from what is broken", function()
    assert.same({ "unknown", "pending", "down", "pending", "up" },
      (play("{ { false }, { nil }, { false }, { true }, { true } }", "{ every = 0.001, fall = 1 }", 5)))
  end)

  it("begins as `initial` says", function()
    assert.same({ "up", "down" },
      (play("{ { nil }, { nil } }", "{ every = 0.001, fall = 1, initial = true }", 2)))
    assert.same({ "down", "up" },
      (play("{ { true }, { true } }", "{ every = 0.001, initial = false }", 2)))
  end)

  it("keeps the reason until it is up again", function()
    local _, subject = play("{ { nil, 'the disk is full' }, { true } }",
      "{ every = 0.001, fall = 1, rise = 50 }", 5)
    assert.same({ "down", "the disk is full" }, { subject:look().state, subject:look().reason })
    assert.is_nil(subject:look_until(function(seen) return seen.state == "up" end).reason)
  end)

  it("takes its state and reason from what the function returns, raises, or fails to do", function()
    local seen = serve([[
      local shown = csi.json.array()
      local checks = {}
      local function add(name, fn)
        checks[#checks + 1] = csi.check(name, { every = 3600, fall = 1, timeout = 0.05 }, fn)
      end
      add("true", function() return true end)
      add("value", function() return { "anything" }, "no reason" end)
      add("false", function() return false end)
      add("false, reason", function() return false, "warming up" end)
      add("nil", function() return nil end)
      add("nothing", function() end)
      add("nil, reason", function() return nil, "gone", "NOT_FOUND" end)
      add("raise", function() error("boom", 0) end)
      add("fail", function() csi.fail("ABORTED", "flop") end)
      add("hang", function() csi.sleep(3600) end)
      add("long", function() return nil, ("é"):rep(400) end)
      look = function()
        for i, check in ipairs(checks) do
          shown[i] = { check.name, check.state, check.reason or csi.json.null }
        end
        return shown
      end
    ]]):look_until(function(list)
      for _, check in ipairs(list) do
        if check[2] == "unknown" then
          return false
        end
      end
      return true
    end)
    assert.same({
      { "true", "up", luacsi.json.null },
      { "value", "up", luacsi.json.null },
      { "false", "pending", "not yet" },
      { "false, reason", "pending", "warming up" },
      { "nil", "down", "failed, without a reason" },
      { "nothing", "down", "failed, without a reason" },
      { "nil, reason", "down", "gone" },
      { "raise", "down", "raise: the script failed: boom" },
      { "fail", "down", "flop" },
      { "hang", "down", "the handler took longer than it may" },
      { "long", "down", ("é"):rep(255) },
    }, seen)
  end)

  it("has a name, a state, a reason, and the time of its last change", function()
    local subject = serve [[
      local passes = false
      local loaded = csi.now()
      local check = csi.check("fields", { every = 0.005, fall = 1 }, function()
        return passes or nil, "no"
      end)
      local first = check.since
      told = function() passes = true end
      look = function()
        return {
          name = check.name, state = check.state, reason = check.reason, other = check.other,
          is_recent = first >= loaded and first < loaded + 60, has_changed = check.since > first,
          kind = getmetatable(check), can_set = pcall(function() check.state = "up" end),
        }
      end
    ]]
    local seen = subject:look_until(function(state) return state.state ~= "unknown" end)
    assert.same({
      name = "fields", state = "down", reason = "no", is_recent = true, has_changed = true,
      kind = "csi.check", can_set = false,
    }, seen)
    subject:tell "pass"
    seen = subject:look_until(function(state) return state.state == "up" end)
    assert.is_nil(seen.reason)
  end)

  it("logs each change of state, and nothing else", function()
    local _, subject = play([[{ { true }, { true }, { nil, "gone" }, { nil, "gone" } }]],
      "{ every = 0.001, fall = 2 }", 8)
    local lines = log.matching(subject.server:log(), "^Check changed$")
    assert.same({
      { "I", { check = "played", from = "unknown", to = "up", reason = "" } },
      { "W", { check = "played", from = "up", to = "down", reason = "gone" } },
    }, { { lines[1].severity, lines[1].fields }, { lines[2].severity, lines[2].fields } })
    assert.equal(2, #lines)
  end)

  it("says what is wrong with its arguments", function()
    assert_all_find({
      "#1 to '.-' %(string expected", "expected 1 to 63 bytes", "expected 1 to 63 bytes",
      "expected 1 to 63 bytes",
      "#2 to '.-' %(table expected", "#3 to '.-' %(function expected",
      "unknown option evry %(did you mean every%?%)", "every: expected seconds, from 0%.001 to a year",
      "rise and fall: expected at least 1", "fall: expected integer from 0 to 1000",
      "initial: expected true or false", "timeout: expected seconds",
    }, serve([[
      local f = function() end
      look = function()
        local attempts = {
          { 1, {}, f }, { "", {}, f }, { ("x"):rep(64), {}, f }, { "a\0b", {}, f },
          { "x", 5, f }, { "x", {} },
          { "x", { evry = 1 }, f }, { "x", { every = 0 }, f },
          { "x", { rise = 0 }, f }, { "x", { fall = 1001 }, f }, { "x", { initial = "up" }, f },
          { "x", { timeout = -1 }, f },
        }
        for i, attempt in ipairs(attempts) do
          attempts[i] = { csi.check, attempt[1], attempt[2], attempt[3], n = 4 }
        end
        return refusals(attempts)
      end
    ]]):look())
  end)
end)

-- A script with the checks a and b. Each answers what it is told, "a true" or "b nil, 'gone'", and hangs
-- until it has been told anything. probe: what the Probe handler is.
local function with_checks(answers, probe)
  return "local answers = " .. answers .. [[
  local function new(name)
    return csi.check(name, { every = 0.001, fall = 1 }, function()
      if not answers[name] then
        csi.sleep(3600)
      end
      return load("return " .. answers[name])()
    end)
  end
  local a, b = new("a"), new("b")
  told = function(text)
    local name, answer = text:match("^(%a) (.*)$")
    answers[name] = answer
  end
  look = function() return {} end
  ]] .. "probe = csi.readiness " .. probe
end

describe("csi.readiness", function()
  after_each(host.teardown)

  local function assert_answers(expected, subject)
    local last
    wait.for_(function()
      last = { subject.client:call("Probe") }
      return pcall(assert.same, expected, last)
    end)
    assert.same(expected, last)
  end

  it("is ready when all checks are up, not ready while one is not, broken when one is down", function()
    local subject = serve(with_checks("{ a = 'true', b = 'true' }", "{ a, b }"))
    assert_answers({ { ready = true } }, subject)
    subject:tell "a false, 'soon'"
    assert_answers({ { ready = false } }, subject)
    subject:tell "b nil, 'no route'"
    assert_answers({ nil, "FAILED_PRECONDITION", "b: no route" }, subject)
    subject:tell "a nil, 'gone'"
    assert_answers({ nil, "FAILED_PRECONDITION", "a: gone" }, subject)
    subject:tell "a true"
    subject:tell "b true"
    assert_answers({ { ready = true } }, subject)
  end)

  it("answers at once while its checks hang", function()
    local subject = serve(with_checks("{}", "{ a, b }"))
    for _ = 1, 100 do
      assert.same({ ready = false }, (subject.client:call("Probe", {}, { timeout = 15 })))
    end
  end)

  it("runs and shows advisory checks, but does not follow them", function()
    local subject = serve(with_checks([[{ a = "true", b = "nil, 'gone'" }]], "{ a, advisory = { b } }"))
    subject.server:wait_log '"Check changed" check="b" from="unknown" to="down" reason="gone"'
    assert_answers({ { ready = true } }, subject)
    subject:tell "a nil, 'gone'"
    assert_answers({ nil, "FAILED_PRECONDITION", "a: gone" }, subject)
  end)

  it("says what is wrong with its argument", function()
    assert_all_find({
      "#1 to 'readiness' %(checks: expected a list of checks, got nil%)",
      "checks%[1%]: expected a check, got function", "checks%[2%]: expected a check, got boolean",
      "advisory: expected a list of checks, got userdata", "advisory%[1%]: expected a check, got string",
      "unknown key required", "unknown key 5",
    }, serve([[
      local c = csi.check("c", {}, function() return true end)
      look = function()
        local attempts = {
          {}, { { function() end } }, { { c, false } }, { { advisory = c } }, { { advisory = { "c" } } },
          { { c, required = {} } }, { { c, [5] = c } },
        }
        for i, attempt in ipairs(attempts) do
          attempts[i] = { csi.readiness, attempt[1], n = 2 }
        end
        return refusals(attempts)
      end
    ]]):look())
  end)
end)

describe("csi.run", function()
  after_each(host.teardown)

  it("goes on when the handler that began it has ended", function()
    local subject = serve [[
      local steps = csi.json.array()
      told = function()
        csi.run(function()
          csi.sleep(0.01)
          steps[#steps + 1] = "run"
        end)
        steps[#steps + 1] = "handler"
      end
      look = function() return steps end
    ]]
    subject:tell "go"
    assert.same({ "handler", "run" }, subject:look_until(function(steps) return #steps == 2 end))
  end)

  it("tells those who wait how it ended", function()
    local seen = serve([[
      look = function()
        local list = csi.json.array()
        local function note(fn)
          local run = csi.run(fn)
          local before = run:is_done()
          local results = table.pack(run:wait())
          local again = table.pack(run:wait())
          list[#list + 1] = { before, run:is_done(), results.n, again.n, results[1] or "", results[2] or "" }
        end
        note(function() csi.sleep(0.001) return "ignored" end)
        note(function() csi.fail("ABORTED", "flop") end)
        note(function() error("boom", 0) end)
        return list
      end
    ]]):look()
    assert.same({
      { false, true, 0, 0, "", "" },
      { false, true, 2, 2, "ABORTED", "flop" },
      { false, true, 2, 2, "INTERNAL", "csi.run: the script failed: boom" },
    }, seen)
  end)

  it("wakes all who wait", function()
    local seen = serve([[
      look = function()
        local open, woken = false, 0
        local gate = csi.run(function()
          while not open do csi.sleep(0.001) end
        end)
        local others = {}
        for i = 1, 5 do
          others[i] = csi.run(function()
            gate:wait()
            woken = woken + 1
          end)
        end
        open = true
        for _, other in ipairs(others) do other:wait() end
        return { woken = woken }
      end
    ]]):look()
    assert.same({ woken = 5 }, seen)
  end)

  it("may take as long as a handler", function()
    local subject = serve([[
      local run
      told = function() run = csi.run(function() csi.sleep(3600) end) end
      look = function() return run:is_done() and { run:wait() } or {} end
    ]], { flags = { "--handler-timeout", "100ms" } })
    subject:tell "go"
    assert.same({ "DEADLINE_EXCEEDED", "the handler took longer than it may" },
      subject:look_until(function(seen) return #seen > 0 end))
  end)

  it("leaves nothing behind, however often it runs", function()
    local subject = serve [[
      local n = 0
      look = function()
        for _ = 1, 300 do
          csi.run(function() n = n + 1 end):wait()
        end
        return { n = n }
      end
    ]]
    for i = 1, 5 do
      assert.equal(300 * i, subject:look().n)
    end
  end)

  it("is refused beyond a thousand at once, and works again when they are done", function()
    local seen = serve([[
      look = function()
        local n, open = 1, false
        local gate = csi.run(function()
          while not open do csi.sleep(0.001) end
        end)
        while true do
          local good, run = pcall(csi.run, function() gate:wait() end)
          if not good then
            open = true
            gate:wait()
            csi.run(function() end):wait()
            return { n = n, code = run.code }
          end
          n = n + 1
        end
      end
    ]]):look()
    assert.same({ n = 1000, code = "RESOURCE_EXHAUSTED" }, seen)
  end)

  it("is for handlers only", function()
    local result = host.serve_refused { script = script_of "csi.run(function() end)" }
    assert.equal(1, result.code)
    assert.matches("csi.run is for handlers, not for a script that is loading", result.stderr, 1, true)
  end)

  it("says what is wrong with its arguments", function()
    assert_all_find({ "#1 to '.-' %(function expected" }, serve([[
      look = function() return refusals { { csi.run, "f", n = 2 } } end
    ]]):look())
  end)
end)

-- GetCapacity and Probe run `shared`, which counts its runs and waits for the gate.
local GATE = [[
  local arrived, runs, ended = 0, 0, 0
  local result = "return { ready = true }"
  local shared = csi.coalesce(function(request, context)
    runs = runs + 1
    while not csi.store.get("open") do csi.sleep(0.001) end
    ended = ended + 1
    return load(result, "=result", "t", { csi = csi, context = context, runs = runs, error = error })()
  end)
  probe = function(request, context)
    arrived = arrived + 1
    return shared(request, context)
  end
  told = function(text)
    if text == "open" then csi.store.set("open", true) else result = text end
  end
  look = function() return { arrived = arrived, runs = runs, ended = ended } end
]]

describe("csi.coalesce", function()
  after_each(host.teardown)

  -- Starts n Probes, and returns when all of them wait.
  local function start_probes(subject, n)
    local calls = {}
    for i = 1, n do
      calls[i] = subject:start "Probe"
    end
    subject:look_until(function(seen) return seen.arrived >= n end)
    return calls
  end

  local function assert_shared(result, expected)
    local subject = serve(GATE)
    subject:tell(result)
    local calls = start_probes(subject, 4)
    subject:tell "open"
    for _, call in ipairs(calls) do
      assert.same(expected, answer_of(call))
    end
    assert.equal(1, subject:look().runs)
  end

  it("lets callers of the same kind share one run", function()
    assert_shared("return { ready = runs == 1 }", { ready = true })
  end)

  it("lets them share a prepared reply", function()
    assert_shared("return csi.reply('Probe', { ready = true })", { ready = true })
  end)

  it("lets them share a failure", function()
    assert_shared("csi.fail('ABORTED', 'flop')", { code = "ABORTED", message = "flop" })
    assert_shared("return nil, 'NOT_FOUND', 'gone'", { code = "NOT_FOUND", message = "gone" })
    assert_shared("error('boom', 0)",
      { code = "INTERNAL", message = "csi.run: the script failed: boom" })
  end)

  it("gives the handler the context of the call that began the run", function()
    assert_shared("return { ready = context.method == 'Probe' }", { ready = true })
  end)

  it("runs again for those who come later", function()
    local subject = serve(GATE)
    subject:tell "open"
    for i = 1, 3 do
      assert.same({ ready = true }, (subject.client:call("Probe")))
      assert.equal(i, subject:look().runs)
    end
  end)

  it("does not mix different requests", function()
    local subject = serve [[
      local arrived, runs = 0, csi.json.array()
      local shared = csi.coalesce(function(request)
        runs[#runs + 1] = request.volume_id
        while not csi.store.get("open") do csi.sleep(0.001) end
      end)
      told = function(text)
        if text == "open" then
          return csi.store.set("open", true)
        end
        arrived = arrived + 1
        shared { volume_id = text }
      end
      look = function()
        table.sort(runs)
        return { arrived = arrived, runs = runs }
      end
    ]]
    local calls = {}
    for i, name in ipairs { "a", "b", "a", "c", "b", "a" } do
      calls[i] = subject:start("DeleteVolume", { volume_id = name })
    end
    subject:look_until(function(seen) return seen.arrived == 6 end)
    subject:tell "open"
    for _, call in ipairs(calls) do
      assert.same({}, answer_of(call))
    end
    assert.same({ arrived = 6, runs = { "a", "b", "c" } }, subject:look())
  end)

  it("goes on when the call that began the run goes away", function()
    local subject = serve(GATE)
    local first = start_probes(subject, 1)[1]
    local second = subject:start "Probe"
    subject:look_until(function(seen) return seen.arrived == 2 end)
    first:signal "sigkill"
    first:wait()
    subject:tell "open"
    assert.same({ ready = true }, answer_of(second))
    assert.same({ arrived = 2, runs = 1, ended = 1 }, subject:look())
  end)

  it("goes on when everybody goes away", function()
    local subject = serve(GATE)
    for _, call in ipairs(start_probes(subject, 2)) do
      call:signal "sigkill"
      call:wait()
    end
    subject:tell "open"
    subject:look_until(function(seen) return seen.ended == 1 end)
    assert.same({ ready = true }, (subject.client:call("Probe")))
    assert.equal(2, subject:look().runs)
  end)

  it("finishes on the old script when a new one is taken over", function()
    local subject = serve(GATE)
    local calls = start_probes(subject, 2)
    subject:reload [[
      told = function() csi.store.set("open", true) end
      probe = function() return { ready = false } end
      look = function() return {} end
    ]]
    assert.same({ ready = false }, (subject.client:call("Probe")))
    subject:tell "open"
    for _, call in ipairs(calls) do
      assert.same({ ready = true }, answer_of(call))
    end
  end)

  it("does not hold up the end of the server after a reload", function()
    local subject = serve(GATE)
    local call = start_probes(subject, 1)[1]
    subject:reload "look = function() return {} end"
    call:signal "sigkill"
    call:wait()
  end)

  it("says what is wrong with its argument", function()
    assert_all_find({ "#1 to 'coalesce' %(function expected, got table%)" }, serve([[
      look = function() return refusals { { csi.coalesce, {}, n = 2 } } end
    ]]):look())
  end)
end)
