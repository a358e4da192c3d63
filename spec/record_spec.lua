-- luacsi record: a script of what a driver answered; and csi.replay, which such a script is made of.

local before = require "spec.support.before"
local host = require "spec.support.host"
local http2 = require "spec.support.http2"
local process = require "spec.support.process"
local protobuf = require "spec.support.protobuf"
local uv = require "luv"

local OK = before.OK

-- Records what the driver at endpoint answers to calls(client), and gives the script's path, its text and
-- the recorder. flags: further ones.
local function record(endpoint, calls, flags)
  local out = host.folder() .. "/fixture.lua"
  flags = table.move({ "--upstream", endpoint, "--out", out }, 1, 4, #(flags or {}) + 1, flags or {})
  local recorder = host.serve { command = "record", flags = flags }
  calls(recorder:connect(), recorder)
  assert.is_nil(uv.fs_stat(out))
  recorder:stop()
  assert.same({ "fixture.lua" }, host.files_in(out:match("(.*)/")))
  return out, process.read_file(out), recorder
end

local function record_script(script, calls, flags)
  return record(host.serve({ script = script, flags = { "--validate", "off" } }).endpoint, calls, flags)
end

-- Plays the driver: respond(driver, number) for each call of calls(client, ask), where ask(path, bytes).
local function record_played(paths, respond)
  local path = host.folder() .. "/real.sock"
  local listener = http2.listen(path)
  finally(listener.close)
  return record("unix://" .. path, function(_, recorder)
    local client = http2.start(recorder.socket)
    local driver
    for i, call in ipairs(paths) do
      before.ask(client, 2 * i - 1, call.path or before.CREATE, call.bytes or "")
      driver = driver or listener.accept()
      respond(driver, (driver:request()))
      client:answer(2 * i - 1)
    end
    client:close()
  end)
end

describe("luacsi record", function()
  after_each(host.teardown)

  it("makes a script that answers as the driver did", function()
    local CALLS = {
      { "GetPluginInfo", {} },
      { "GetPluginCapabilities", {} },
      { "CreateVolume", { name = "v", parameters = { ["a b"] = "1", ["end"] = "x", [""] = "\n\1\"\\ü" } } },
      { "CreateVolume", { name = "busy" } },
      { "CreateVolume", { capacity_range = { required_bytes = 1 << 62, limit_bytes = math.mininteger } } },
      { "CreateSnapshot", { name = "s" } },
      { "GetCapacity", {} },
      { "DeleteVolume", { volume_id = "v" } },
      { "ListVolumes", {} },
      { "NodeGetVolumeStats", {} },
    }
    local function ask_all(client)
      local answers = {}
      for i, call in ipairs(CALLS) do
        answers[i] = table.pack(client:call(call[1], call[2]))
      end
      return answers
    end
    local recorded
    local out, text = record_script([[return {
      GetPluginInfo = { name = "real.example.com", vendor_version = "7", manifest = { url = "https://x" } },
      GetPluginCapabilities = { capabilities = {
        { service = { type = "CONTROLLER_SERVICE" } }, { volume_expansion = { type = "ONLINE" } },
      } },
      CreateVolume = function(request)
        if request.name == "busy" then
          return nil, "ABORTED", "busy: ü \"100%\""
        end
        return { volume = {
          volume_id = "id", capacity_bytes = math.mininteger, volume_context = request.parameters,
          content_source = { snapshot = { snapshot_id = ("s"):rep(200) } },
          accessible_topology = { { segments = { zone = "a" } }, { segments = { zone = "b" } } },
        } }
      end,
      CreateSnapshot = { snapshot = {
        snapshot_id = "s", source_volume_id = "v", creation_time = "2026-01-31T12:00:00.5Z",
      } },
      GetCapacity = { maximum_volume_size = 0, minimum_volume_size = math.maxinteger },
      ListVolumes = { entries = { { volume = { volume_id = "a" } }, { volume = { volume_id = "b" } } } },
      NodeGetVolumeStats = {
        usage = { { unit = "BYTES", total = 1 } }, volume_condition = { message = "m" },
      },
    }]], function(client) recorded = ask_all(client) end)
    local replayed = ask_all(host.serve({ file = out }):connect())
    assert.same(recorded, replayed)
    assert.matches([[
      request = { name = "busy" },
      { code = "ABORTED", message = "busy: ü \"100%\"" },
]], text, 1, true)
    assert.equal(0, host.run({ "check", out }).code)
  end)

  it("keeps the order of differing answers, and the last one goes on", function()
    local out, text = record_script([[
      local n = 0
      return {
        Probe = function()
          n = n + 1
          if n == 4 then
            return nil, "UNAVAILABLE", "gone for a moment"
          end
          return { ready = n > 2 }
        end,
      }]], function(client)
      for _ = 1, 8 do
        client:call("Probe")
      end
    end)
    assert.matches([[
  Probe = {
    {
      request = {},
      { times = 2, reply = { ready = false } },
      { reply = { ready = true } },
      { code = "UNAVAILABLE", message = "gone for a moment" },
      { times = 4, reply = { ready = true } },
    },
  },
]], text, 1, true)
    local client = host.serve({ file = out }):connect()
    local answers = {}
    for i = 1, 10 do
      local reply, code = client:call("Probe")
      answers[i] = code or tostring(reply.ready)
    end
    assert.equal("false false true UNAVAILABLE true true true true true true", table.concat(answers, " "))
  end)

  it("leaves secrets out, and does not compare them", function()
    local out, text = record_script("return { NodeStageVolume = {} }", function(client)
      for _, secret in ipairs { "hidden-1", "hidden-2" } do
        assert(client:call("NodeStageVolume", { volume_id = "v", secrets = { key = secret } }))
      end
    end)
    assert.not_matches("hidden", text)
    assert.not_matches("secrets", text)
    assert.matches('request = { volume_id = "v" },\n      { times = 2, reply = {} },', text, 1, true)
    local client = host.serve({ file = out }):connect()
    assert.same({}, client:call("NodeStageVolume", { volume_id = "v", secrets = { key = "third" } }))
    local _, code, message = client:call("NodeStageVolume", { volume_id = "w", secrets = { key = "third" } })
    assert.equal("FAILED_PRECONDITION", code)
    assert.not_matches("third", message)
  end)

  it("keeps the times where it is asked to", function()
    local function take(client)
      local start = uv.hrtime()
      assert(client:call("Probe"))
      return (uv.hrtime() - start) / 1e9
    end
    local out, text = record_script([[
      local csi = require "csi"
      return { Probe = function() csi.sleep(0.1) return {} end }]],
      function(client) take(client) end, { "--times" })
    local seconds = tonumber(text:match("{ seconds = ([%d.]+), reply = {} }"))
    assert.is_true(seconds >= 0.1, text)
    local server = host.serve { file = out, flags = { "--handler-timeout", "60s" } }
    assert.is_true(take(server:connect()) >= 0.1)
  end)

  it("replays a reply that breaks the rules of CSI", function()
    local out = record_script("return { GetPluginInfo = { name = '-bad-' } }", function(client)
      assert.equal("-bad-", client:call("GetPluginInfo").name)
    end)
    assert.equal("-bad-", host.serve({ file = out }):connect():call("GetPluginInfo").name)
  end)

  it("keeps one answer for requests whose maps come in another order", function()
    local function parameters(...)
      local bytes = ""
      for _, key in ipairs { ... } do
        bytes = bytes .. protobuf.field(4, protobuf.field(1, key) .. protobuf.field(2, "x"))
      end
      return { bytes = bytes }
    end
    local _, text = record_played({ parameters("a", "b"), parameters("b", "a") }, function(driver, number)
      driver:respond(number, { "" }, OK)
    end)
    assert.matches('{ parameters = { a = "x", b = "x" } },\n      { times = 2, reply = {} },', text, 1, true)
  end)

  it("makes of an error's message what a script may say", function()
    local messages = { "", "%FF%FE", ("x"):rep(3000) }
    local i = 0
    local out = record_played({ { bytes = protobuf.field(1, "a") }, { bytes = protobuf.field(1, "b") },
      { bytes = protobuf.field(1, "c") } }, function(driver, number)
      i = i + 1
      local status = { "grpc-status", i == 1 and "99" or "10" }
      driver:respond(number, {}, { status, { "grpc-message", messages[i] } })
    end)
    local client = host.serve({ file = out }):connect()
    local function fails(name)
      return { select(2, client:call("CreateVolume", { name = name })) }
    end
    assert.same({ "UNKNOWN", "(no message)" }, fails "a")
    assert.same({ "ABORTED", "(a message that is not UTF-8)" }, fails "b")
    assert.same({ "ABORTED", ("x"):rep(1023) }, fails "c")
  end)

  for name, case in pairs {
    ["a reply that is none"] = { messages = { "\xff" }, reason = "CreateVolumeResponse" },
    ["a request that is none"] = {
      bytes = "\xff", messages = { "" }, reason = "the request is no CreateVolumeRequest",
    },
    ["two replies"] = { messages = { "", "" }, reason = "expected one reply, got 2" },
    ["no reply"] = { messages = {}, reason = "expected one reply, got 0" },
    ["a number that CSI does not know"] = {
      path = "/csi.v1.Identity/GetPluginCapabilities", method = "GetPluginCapabilities",
      messages = { protobuf.field(1, protobuf.field(1, protobuf.field(1, 99))) },
      reason = "Service.type: a number that CSI does not know",
    },
    ["a stream"] = {
      path = before.ALLOCATED, method = "GetMetadataAllocated", messages = { "" },
      reason = "a script cannot answer with a stream",
    },
  } do
    it("goes on after what it cannot record: " .. name, function()
      local out, text, recorder = record_played({ case }, function(driver, number)
        driver:respond(number, case.messages, OK)
      end)
      local method = case.method or "CreateVolume"
      assert.matches("-- calls of " .. method .. " that could not be recorded: 1\n", text, 1, true)
      local line = recorder:log():match('"Call not recorded" method="[^"]*/' .. method .. '" [^\n]*')
      assert.matches(case.reason, line, 1, true)
      assert.equal(0, host.run({ "check", out }).code)
    end)
  end

  it("does not take a driver that is away for one that answers UNAVAILABLE", function()
    local _, text, recorder = record("unix://" .. host.folder() .. "/real.sock", function(client)
      assert.equal("UNAVAILABLE", select(2, client:call("Probe")))
    end)
    assert.not_matches("Probe = {\n", text)
    assert.matches("the driver did not answer: upstream unix://[^\n]*No such file", recorder:log())
  end)

  it("replaces the script that was there, at the end", function()
    local out = host.folder() .. "/fixture.lua"
    process.write_file(out, "before")
    local real = host.serve { script = "return {}" }
    local recorder = host.serve {
      command = "record", flags = { "--upstream", real.endpoint, "--out", out },
    }
    recorder:connect():call("Probe")
    assert.equal("before", process.read_file(out))
    recorder:stop()
    assert.matches("Probe = {\n", process.read_file(out), 1, true)
    recorder:wait_log('"Recorded" file="[^"]*fixture.lua"')
  end)

  it("says so when the script is lost", function()
    local dir = host.folder()
    assert(uv.fs_mkdir(dir .. "/gone", 448))
    local real = host.serve { script = "return {}" }
    local recorder = host.serve {
      command = "record", flags = { "--upstream", real.endpoint, "--out", dir .. "/gone/fixture.lua" },
    }
    assert(uv.fs_rmdir(dir .. "/gone"))
    recorder:signal("sigterm")
    assert.equal(1, recorder.process:wait())
    recorder.process.done = true
    assert.matches("the recording is lost: .*No such file or directory", recorder:log())
  end)

  it("refuses what it cannot do, before it serves", function()
    local dir = host.folder()
    local function refused(code, pattern, flags)
      local result = host.serve_refused { command = "record", flags = flags, socket = dir .. "/csi.sock" }
      assert.equal(code, result.code, result.stderr)
      assert.matches(pattern, result.stderr)
    end
    local up = "unix://" .. dir .. "/real.sock"
    refused(2, "%-%-upstream: expected the driver's address", { "--out", "/tmp/x.lua" })
    refused(2, "%-%-out: expected the path of a file", { "--upstream", up })
    refused(2, "expected another driver", { "--upstream", dir .. "/csi.sock", "--out", dir .. "/../x.lua" })
    refused(1, "CSI allows no other file there", { "--upstream", up, "--out", dir .. "/x.lua" })
    refused(1, "cannot be written: No such file", { "--upstream", up, "--out", dir .. "/../gone/x.lua" })
    refused(1, "expected a file, or nothing there yet", { "--upstream", up, "--out", dir .. "/.." })
    refused(2, "", { "--upstream", up, "--out", "/tmp/x.lua", "script.lua" })
  end)
end)

describe("csi.replay", function()
  after_each(host.teardown)

  local function serve(recorded, more)
    return host.serve {
      script = ("local script = require 'csi.replay' %s\n%s\nreturn script"):format(recorded, more or ""),
    }:connect()
  end

  it("says in which field a request differs from the nearest one", function()
    local client = serve [[{
      CreateVolume = {
        { request = { name = "a", parameters = { tier = "gold" }, capacity_range = { required_bytes = 5 } },
          { reply = {} } },
        { request = { name = "far", parameters = { tier = "iron", zone = "x" } }, { reply = {} } },
      },
      Probe = {},
    }]]
    local function differs(request, expected)
      local _, code, message = client:call("CreateVolume", request)
      assert.equal("FAILED_PRECONDITION", code)
      assert.equal("no such request was recorded; of the nearest one " .. expected, message)
    end
    local range = { required_bytes = 5 }
    differs({ name = "b", parameters = { tier = "gold" }, capacity_range = range },
      'CreateVolumeRequest.name: recorded "a", got "b"')
    differs({ name = "a", parameters = { tier = "iron" }, capacity_range = range },
      'CreateVolumeRequest.parameters.tier: recorded "gold", got "iron"')
    differs({ name = "a", parameters = { tier = "gold", ["a b"] = "1" }, capacity_range = range },
      'CreateVolumeRequest.parameters["a b"]: recorded nothing, got "1"')
    differs({ name = "a", parameters = { tier = "gold" } },
      'CreateVolumeRequest.capacity_range: recorded {"limit_bytes":0,"required_bytes":5}, got nothing')
    differs({ name = "a", parameters = { tier = "gold" }, capacity_range = range,
      volume_capabilities = { { block = {} } } },
      'CreateVolumeRequest.volume_capabilities[1]: recorded nothing, got {"block":{}}')
    differs({ name = ("ü"):rep(200), parameters = { tier = "gold" }, capacity_range = range },
      'CreateVolumeRequest.name: recorded "a", got "' .. ("ü"):rep(29) .. "…")
    assert.same({ nil, "FAILED_PRECONDITION", "Probe: no call of it was recorded" }, { client:call("Probe") })
  end)

  it("names a few of many differences", function()
    local client = serve [[{
      CreateVolume = {
        { request = { parameters = { a = "1", b = "1", c = "1", d = "1" } }, { reply = {} } },
      },
    }]]
    local _, _, message = client:call("CreateVolume", { name = "x" })
    assert.matches('name: recorded "", got "x"; .*parameters.a: .*parameters.b: .*; and 2 more$', message)
  end)

  it("may be mixed with handlers, and leaves defaults where a method is not there", function()
    local client = serve([[{ Probe = { { request = {}, { reply = { ready = false } } } } }]],
      "script.GetPluginInfo = { name = 'own.example.com', vendor_version = '1' }")
    assert.is_false(client:call("Probe").ready)
    assert.equal("own.example.com", client:call("GetPluginInfo").name)
    assert.same({ capabilities = {} }, client:call("GetPluginCapabilities"))
  end)

  for recorded, expected in pairs {
    ["12"] = "the recording: expected a table, got 12",
    ["{ Prob = {} }"] = "CSI has no method Prob (did you mean Probe?)",
    ["{ Probe = 1 }"] = "Probe: expected a list of requests with their answers, got 1",
    ["{ Probe = { x = 1 } }"] = "Probe: expected a list, got x",
    ["{ Probe = { 1 } }"] = "Probe[1]: expected a table, got 1",
    ["{ Probe = { { { reply = {} } } } }"] = "Probe[1].request: expected a table, got nil",
    ["{ Probe = { { request = {} } } }"] = "Probe[1]: expected an answer, got nil",
    ["{ Probe = { { request = {}, foo = 1, { reply = {} } } } }"] =
      "Probe[1]: expected request and a list of answers, got foo",
    ["{ Probe = { { request = {}, 12 } } }"] = "Probe[1][1]: expected a table, got 12",
    ["{ Probe = { { request = {}, {} } } }"] = "Probe[1][1]: expected one of reply and code, got a table",
    ["{ Probe = { { request = {}, { reply = {}, code = 'ABORTED', message = 'x' } } } }"] =
      "Probe[1][1]: expected one of reply and code, got a table",
    ["{ Probe = { { request = {}, { reply = {}, message = 'x' } } } }"] =
      "Probe[1][1].message: expected none beside a reply, got x",
    ["{ Probe = { { request = {}, { replay = {} } } } }"] =
      "Probe[1][1]: expected only reply, code, message, times and seconds as keys, got replay",
    ["{ Probe = { { request = {}, { reply = { redy = true } } } } }"] =
      'Probe[1][1].reply: ProbeResponse: no field is called "redy" (did you mean ready?)',
    ["{ Probe = { { request = {}, { reply = 'x' } } } }"] = "Probe[1][1].reply: expected a table, got x",
    ["{ Probe = { { request = { x = 1 }, { reply = {} } } } }"] =
      'Probe[1].request: ProbeRequest: no field is called "x"',
    ["{ Probe = { { request = {}, { code = 'NOPE', message = 'x' } } } }"] =
      "Probe[1][1]: expected code and message of a status, got ",
    ["{ Probe = { { request = {}, { code = 'ABORTED' } } } }"] =
      "Probe[1][1]: expected code and message of a status, got ",
    ["{ Probe = { { request = {}, { times = 0, reply = {} } } } }"] =
      "Probe[1][1].times: expected an integer above 0, got 0",
    ["{ Probe = { { request = {}, { seconds = 'x', reply = {} } } } }"] =
      "Probe[1][1].seconds: expected seconds, got x",
    ["{ Probe = { { request = {}, { reply = {} } }, { request = {}, { reply = {} } } } }"] =
      "Probe[2].request: expected one that is not there before, got {}",
  } do
    it("does not load " .. recorded, function()
      local result = host.serve_refused {
        script = "local replay = require 'csi.replay'\nreturn replay(" .. recorded .. ")",
      }
      assert.equal(1, result.code)
      assert.matches(expected, result.stderr, 1, true)
    end)
  end

  it("names the line where the method begins", function()
    local result = host.serve_refused {
      script = "local replay = require 'csi.replay'\n\nreturn replay {\n  Probe = 1,\n}\n",
    }
    assert.matches("script.lua:4: Probe: expected a list", result.stderr, 1, true)
  end)
end)
