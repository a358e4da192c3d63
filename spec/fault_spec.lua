-- csi.fault: which call gets which fault, and what is refused at the load. What a client sees of each is in
-- fault_wire_spec.lua.

local eval = require "spec.support.eval"
local faults = require "spec.support.faults"
local host = require "spec.support.host"
local process = require "spec.support.process"
local uv = require "luv"
local wait = require "spec.support.wait"

local ask, serve = faults.ask, faults.serve

-- What the entry CreateVolume gives to so many calls, one after the other.
local function answers(entry, n, flags)
  local client = serve("CreateVolume = " .. entry, { flags = flags }):connect()
  local list = {}
  for i = 1, n do
    list[i] = ask(client)
  end
  return list
end

local function assert_answers(expected, entry)
  assert.same(expected, answers(entry, #expected))
end

describe("fault.sequence", function()
  after_each(host.teardown)

  it("fails twice with DeadlineExceeded, then once with Aborted, then succeeds", function()
    assert_answers({ "DEADLINE_EXCEEDED: slow", "DEADLINE_EXCEEDED: slow", "ABORTED: again", "v", "v" }, [[
      fault.sequence {
        fault.times(2, fault.fail("DEADLINE_EXCEEDED", "slow")), fault.fail("ABORTED", "again"), v "v",
      }]])
  end)

  it("takes replies, handlers, prepared replies and faults", function()
    assert_answers({
      "table", "CreateVolume", "prepared", "ABORTED: nil", "NOT_FOUND: raised", "last", "last",
    }, [[
      fault.sequence {
        v "table",
        function(_, context) return v(context.method) end,
        csi.reply("CreateVolume", v "prepared"),
        function() return nil, "ABORTED", "nil" end,
        function() csi.fail("NOT_FOUND", "raised") end,
        v "last",
      }]])
  end)

  it("goes on with what is answered without a script when the last is fault.pass", function()
    assert_answers({ "one", "UNIMPLEMENTED: the script has no handler for this method" },
      "fault.sequence { v 'one', fault.pass }")
    local client = serve([[Probe = fault.sequence { { ready = false }, fault.pass },
      NodeGetInfo = fault.pass]], { flags = { "--nodeid", "n1" } }):connect()
    assert.same({ false, true },
      { client:call("Probe").ready, client:call("Probe").ready })
    assert.equal("n1", client:call("NodeGetInfo").node_id)
  end)

  it("uses up one that is inside of it", function()
    assert_answers({ "a", "b", "c", "d", "d" },
      "fault.sequence { fault.sequence { v 'a', v 'b' }, fault.sequence { v 'c' }, v 'd' }")
    assert_answers({ "a", "b", "b", "c" },
      "fault.sequence { fault.times(3, fault.sequence { v 'a', v 'b' }), v 'c' }")
  end)

  it("keeps what waits for its calls until they come", function()
    local client = serve([[CreateVolume = fault.sequence {
      fault.on({ name = "a" }, v "first a"), fault.times(2, fault.on({ name = "b" }, v "a b")), v "other",
    }]]):connect()
    local seen = {}
    for name in ("b c a a b b"):gmatch "%a" do
      seen[#seen + 1] = ask(client, "CreateVolume", { name = name })
    end
    assert.same({ "a b", "other", "first a", "other", "a b", "other" }, seen)
  end)

  it("gives a call that comes while another one waits the next", function()
    local server = serve("CreateVolume = fault.sequence { fault.hang(), v 'next' }",
      { flags = { "--grace", "0" } })
    local waiting = host.start {
      "call", "CreateVolume", "{}", "--timeout", "0", "--endpoint", server.endpoint,
    }
    faults.wait_for_a_waiting_call(server)
    assert.equal("next", ask(server:connect()))
    server:stop()
    assert.equal(1, waiting:wait())
    waiting.done = true
  end)

  it("begins anew when the script is loaded again", function()
    local entry = "CreateVolume = fault.sequence { v 'one', v 'two' } --"
    local server = serve(entry)
    local client = server:connect()
    assert.same({ "one", "two" }, { ask(client), ask(client) })
    process.write_file(server.dir .. "/script.lua", faults.script(entry .. " again"))
    server:wait_log '"Script reloaded"'
    assert.same({ "one", "two" }, { ask(client), ask(client) })
  end)

  it("counts together where it stands for two RPCs", function()
    local client = serve("DeleteVolume = both, DeleteSnapshot = both",
      { say = 'local both = fault.sequence { fault.fail("ABORTED", "once"), {} }' }):connect()
    assert.same({ "ABORTED: once", "ok" }, { ask(client, "DeleteVolume"), ask(client, "DeleteSnapshot") })
  end)
end)

describe("fault.first", function()
  after_each(host.teardown)

  it("asks each time from the beginning", function()
    local client = serve([[CreateVolume = fault.first {
      fault.times(1, fault.fail("ABORTED", "once")), fault.on({ name = "a" }, v "a"), v "other",
    }]]):connect()
    local seen = {}
    for name in ("a a b a"):gmatch "%a" do
      seen[#seen + 1] = ask(client, "CreateVolume", { name = name })
    end
    assert.same({ "ABORTED: once", "a", "other", "a" }, seen)
  end)

  it("passes when all do", function()
    assert.equal(true, serve("Probe = fault.first { fault.flaky(0, {}), fault.pass }"):connect()
      :call("Probe").ready)
  end)
end)

describe("fault.times", function()
  after_each(host.teardown)

  it("passes when it has answered so many calls", function()
    assert_answers({ "a", "a", "UNIMPLEMENTED: the script has no handler for this method" },
      "fault.times(2, v 'a')")
  end)
end)

describe("fault.on", function()
  after_each(host.teardown)

  -- What CreateVolume gives for the request: "hit", or that it passed.
  local function assert_hits(expected, predicate, request, options)
    local entry = ("CreateVolume = fault.first { fault.on(%s, v 'hit'), v 'passed' }"):format(predicate)
    local client = serve(entry):connect()
    assert.equal(expected, ask(client, "CreateVolume", request, options), predicate)
  end

  it("asks a function for the request and the context", function()
    local by_key = "function(_, context) return context.metadata.who == 'me' end"
    assert_hits("hit", by_key, {}, { metadata = { who = "me" } })
    assert_hits("passed", by_key, {})
    assert_hits("hit", "function(request) return #request.name > 2 end", { name = "abc" })
  end)

  it("holds a table against a part of the request", function()
    local request = {
      name = "n",
      capacity_range = { required_bytes = 5, limit_bytes = 9 },
      parameters = { tier = "gold", zone = "1" },
      volume_capabilities = { { block = {}, access_mode = { mode = "SINGLE_NODE_WRITER" } } },
    }
    for predicate, expected in pairs {
      ["{}"] = "hit",
      ["{ name = 'n' }"] = "hit",
      ["{ name = 'm' }"] = "passed",
      ["{ parameters = { tier = 'gold' } }"] = "hit",
      ["{ parameters = { tier = 'gold', size = '1' } }"] = "passed",
      ["{ capacity_range = { required_bytes = 5 } }"] = "hit",
      ["{ capacity_range = { required_bytes = 5.0 }, name = 'm' }"] = "passed",
      ["{ volume_capabilities = { { access_mode = { mode = 'SINGLE_NODE_WRITER' } } } }"] = "hit",
      ["{ volume_capabilities = { { mount = {} } } }"] = "passed",
      ["{ accessibility_requirements = {} }"] = "passed",
    } do
      assert_hits(expected, predicate, request)
    end
  end)

  it("is a script error where the function fails", function()
    assert.matches("^INTERNAL: CreateVolume: the script failed: .*attempt to index a nil value",
      answers("fault.on(function(request) return request.nothing.x end, fault.hang())", 1)[1])
  end)
end)

describe("fault.flaky", function()
  after_each(host.teardown)

  it("is the same every time under a seed, and neither never nor always", function()
    local entry = "fault.first { fault.flaky(0.5, fault.fail('ABORTED', 'x')), v 'v' }"
    local function run(seed)
      return table.concat(answers(entry, 40, { "--seed", seed }), " ")
    end
    local first = run "1"
    assert.equal(first, run "1")
    assert.not_equal(first, run "2")
    assert.matches("ABORTED", first)
    assert.matches("v", first)
  end)

  it("never comes with 0, always with 1", function()
    local probe = "fault.first { fault.flaky(%d, fault.fail('ABORTED', 'x')), v 'v' }"
    assert.same({ "v", "v", "v" }, answers(probe:format(0), 3))
    assert.same({ "ABORTED: x", "ABORTED: x", "ABORTED: x" }, answers(probe:format(1), 3))
  end)
end)

describe("fault.after", function()
  after_each(host.teardown)

  it("passes for so many calls", function()
    assert_answers({ "v", "v", "ABORTED: later", "ABORTED: later" },
      "fault.first { fault.after({ calls = 2 }, fault.fail('ABORTED', 'later')), v 'v' }")
  end)

  it("passes for so many seconds", function()
    local entry = "CreateVolume = fault.first { fault.after(%g, v 'later'), v 'soon' }"
    local client = serve(entry:format(0.2)):connect()
    assert.is_true(wait.for_(function() return ask(client) == "later" end))
    assert.equal("soon", ask(serve(entry:format(1000)):connect()))
  end)
end)

describe("fault.delay", function()
  after_each(host.teardown)

  it("answers later, and not before", function()
    local client = serve([[CreateVolume = fault.delay(0.05, v "v"),
      DeleteVolume = fault.delay({ 0.01, 0.02 }, {})]]):connect()
    local before = uv.hrtime()
    assert.equal("v", ask(client))
    assert.is_true(uv.hrtime() - before >= 0.05e9)
    assert.equal("ok", ask(client, "DeleteVolume"))
  end)

  it("does not count as the handler's time, in front of one that waits, too", function()
    local client = serve([[
      CreateVolume = fault.delay(1.2, function()
        csi.sleep(0.01)
        return v "v"
      end)]], { flags = { "--handler-timeout", "1s" } }):connect()
    assert.equal("v", ask(client))
  end)

  it("does not keep --handler-timeout from ending the handler behind it", function()
    local client = serve("CreateVolume = fault.delay(0.01, function() csi.sleep(60) end)",
      { flags = { "--handler-timeout", "50ms" } }):connect()
    assert.equal("DEADLINE_EXCEEDED: the handler took longer than it may", ask(client))
  end)

  it("ends when the caller does", function()
    local server = serve "CreateVolume = fault.delay(1000, { volume = { volume_id = 'v' } })"
    assert.matches("^DEADLINE_EXCEEDED", ask(server:connect(), "CreateVolume", {}, { timeout = 0.1 }))
    server:wait_log '"Call failed".-code="%u+_?%u+"'
  end)

  it("comes before what is answered without a script, with fault.pass", function()
    local client = serve "Probe = fault.delay(0.001, fault.pass)":connect()
    assert.equal(true, client:call("Probe").ready)
  end)
end)

describe("a fault that does not fit", function()
  after_each(host.teardown)

  -- The one problem that the load tells.
  local function assert_refused(text, entry, line)
    local result = host.serve_refused { script = "local csi, fault = require 'csi', require 'csi.fault'\n"
      .. "return { CreateVolume =\n" .. entry .. "\n}" }
    assert.equal(1, result.code)
    assert.equal(("script.lua:%d: %s"):format(line or 3, text),
      result.stderr:match "luacsi serve: [^\n]-(script%.lua:[^\n]*)", entry)
  end

  it("ends the load, which names the place", function()
    assert_refused("fault.times: count must be an integer of at least 1, got 0", "fault.times(0, {})")
    assert_refused("fault.fail: message must be 1 to 1024 bytes of UTF-8 without NUL",
      "fault.first { {}, fault.fail('ABORTED') }")
  end)

  it("is an error that names the function and what it wants", function()
    local subject = eval.serve()
    for entry, text in pairs {
      ["fault.times(0, {})"] = "fault.times: count must be an integer of at least 1, got 0",
      ["fault.times(1.5, {})"] = "fault.times: count must be an integer of at least 1, got 1.5",
      ["fault.times({}, 1)"] = "fault.times: count must be an integer of at least 1, got table",
      ["fault.times(1)"] =
        "fault.times: what comes so many times must be a reply, a handler or a fault, got nil",
      ["fault.sequence {}"] =
        "fault.sequence: expected a list of replies, handlers and faults, got an empty one",
      ["fault.sequence()"] = "fault.sequence: expected a list of replies, handlers and faults, got nil",
      ["fault.sequence { {}, 'x' }"] =
        "fault.sequence: element 2 must be a reply, a handler or a fault, got string",
      ["fault.sequence { {}, a = 1 }"] =
        "fault.sequence: expected a list without holes, got one with the key a",
      ["fault.first { 1 }"] = "fault.first: element 1 must be a reply, a handler or a fault, got 1",
      ["fault.first { [2] = {} }"] =
        "fault.first: expected a list of replies, handlers and faults, got an empty one",
      ["fault.delay(-1, {})"] = "fault.delay: expected seconds, from 0 to a year, or { least, most }, got -1",
      ["fault.delay({ 2, 1 }, {})"] =
        "fault.delay: expected seconds, from 0 to a year, or { least, most }, got table",
      ["fault.delay({ 1, 2, 3 }, {})"] =
        "fault.delay: expected seconds, from 0 to a year, or { least, most }, got table",
      ["fault.delay(1)"] =
        "fault.delay: what comes then must be a reply, a handler or a fault, got nil",
      ["fault.flaky(1.1, {})"] = "fault.flaky: probability must be a number from 0 to 1, got 1.1",
      ["fault.flaky('0.5', {})"] = "fault.flaky: probability must be a number from 0 to 1, got string",
      ["fault.after('1', {})"] =
        "fault.after: expected seconds, from 0 to a year, or { calls = n }, got string",
      ["fault.after({ calls = 0 }, {})"] =
        "fault.after: calls must be an integer of at least 1, and nothing beside it, got 0",
      ["fault.after({ calls = 1, x = 2 }, {})"] =
        "fault.after: calls must be an integer of at least 1, and nothing beside it, got 1",
      ["fault.on('x', {})"] = "fault.on: expected a function or a part of a request, got string",
      ["fault.fail('OK', 'x')"] =
        "fault.fail: code must be the name or number of a gRPC status other than OK",
      ["fault.fail('ABORTED')"] = "fault.fail: message must be 1 to 1024 bytes of UTF-8 without NUL",
      ["fault.details(99, 'x')"] =
        "fault.details: code must be the name or number of a gRPC status other than OK",
      ["fault.details(1, 'x', 'y')"] =
        "fault.details: detail 1 must be { type_url = text, value = bytes }, got string",
      ["fault.details(1, 'x', { type_url = 'a', value = '' }, nil)"] =
        "fault.details: detail 2 must be { type_url = text, value = bytes }, got nil",
      ["fault.details(1, 'x', { type_url = 'a' })"] =
        "fault.details: detail 1 must be { type_url = text, value = bytes }, got another table",
      ["fault.vanish('x')"] = "fault.vanish: expected seconds, from 0 to a year, got string",
      ["fault.unchecked('x')"] = "fault.unchecked: expected a reply as a table, got string",
      ["fault.raw(1)"] = "fault.raw: expected the bytes as a string, got 1",
    } do
      local _, message = subject:values(("return pcall(load(%q, '=code'))"):format(
        "local csi, fault = require 'csi', require 'csi.fault'\nreturn 0, " .. entry))
      assert.equal("code:2: " .. text, message)
    end
  end)

  it("is refused when a reply in it is no reply of the RPC", function()
    local reply = "{ volume = { volume_id = 'v', size = 1 } }"
    for _, entry in ipairs {
      "fault.sequence { fault.hang(), fault.delay(1, %s) }", "fault.first { fault.flaky(0.5, %s) }",
      "fault.times(1, fault.unchecked %s)", "fault.unchecked %s", "fault.on({}, fault.after(1, %s))",
    } do
      assert_refused('CreateVolumeResponse.volume: no field is called "size"', entry:format(reply))
    end
    assert_refused("CreateVolume: expected a reply to CreateVolume, got one that is ProbeResponse",
      "fault.times(1, csi.reply('Probe', {}))", 2)
  end)

  it("is refused when a reply in it breaks a rule of CSI", function()
    local result = host.serve_refused {
      script = faults.script "NodeGetInfo = fault.times(1, { node_id = '' })",
    }
    assert.matches("NodeGetInfoResponse.node_id: expected non%-empty string", result.stderr)
  end)

  it("is refused when its part of a request is none", function()
    assert_refused('CreateVolumeRequest: no field is called "nam" (did you mean name?)',
      "fault.on({ nam = 'x' }, fault.hang())", 2)
    assert_refused("CreateVolumeRequest.capacity_range.required_bytes: expected integer, got string \"x\"",
      "fault.on({ capacity_range = { required_bytes = 'x' } }, fault.hang())")
  end)

  it("is the call's failure where a handler makes it", function()
    assert.matches("^INTERNAL: CreateVolume: the script failed: .*fault.times: count must be",
      answers("function() return fault.times(0, {}) end", 1)[1])
  end)
end)

describe("luacsi check", function()
  after_each(host.teardown)

  it("finds mistakes in what a fault holds", function()
    local folder = host.folder()
    process.write_file(folder .. "/x.lua", faults.script "Probe = fault.times(1, { redy = true })")
    local result = host.run { "check", folder .. "/x.lua" }
    assert.equal(1, result.code)
    assert.matches('ProbeResponse: no field is called "redy"', result.stdout)
  end)
end)

describe("docs/faults.md", function()
  after_each(host.teardown)

  it("has examples that load", function()
    local folder, n = host.folder(), 0
    for text in process.read_file("docs/faults.md"):gmatch "```lua\n(.-)```" do
      n = n + 1
      local path = ("%s/%d.lua"):format(folder, n)
      process.write_file(path, text:find("return {", 1, true) and text
        or faults.script(text, "local create = v 'x'"))
      local result = host.run { "check", path }
      assert.equal(0, result.code, text .. result.stdout)
    end
    assert.is_true(n >= 8)
  end)
end)
