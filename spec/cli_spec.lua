-- The commands that call a driver: what they print for people and for machines, and their exit codes,
-- on which shell scripts rely. Their flags are the subject of options_spec.

local uv = require "luv"
local host = require "spec.support.host"
local luacsi = require "luacsi"
local process = require "spec.support.process"

-- A driver that answers as --set has it.
local DRIVER = [[
  local csi = require "csi"
  local function fail()
    csi.fail("FAILED_PRECONDITION", "module rbd is not loaded")
  end
  local probes = {
    ready = { ready = true }, not_ready = { ready = false }, open = {},
  }
  return {
    GetPluginInfo = csi.config.info == "fail" and fail or {
      name = "cli.example.com", vendor_version = "1.2.3", manifest = { build = "7", ["long name"] = "x" },
    },
    Probe = probes[csi.config.probe or "ready"] or fail,
    GetPluginCapabilities = csi.config.capabilities == "none" and {} or { capabilities = {
      { service = { type = "CONTROLLER_SERVICE" } },
      { volume_expansion = { type = "ONLINE" } },
    } },
    CreateVolume = function(request, context)
      return { volume = {
        volume_id = request.name,
        capacity_bytes = request.capacity_range and request.capacity_range.required_bytes or 0,
        volume_context = { note = context.metadata.note or "no note" },
      } }
    end,
    DeleteVolume = function() csi.fail("NOT_FOUND", "no such volume") end,
    ControllerGetVolume = function()
      local start = csi.now()
      while csi.now() - start < 0.2 do end
    end,
  }
]]

local function driver(...)
  local flags = {}
  for _, pair in ipairs { ... } do
    flags[#flags + 1] = "--set"
    flags[#flags + 1] = pair
  end
  return host.serve { script = DRIVER, flags = flags }
end

local function assert_result(code, stdout, stderr, result)
  assert.same({ code = code, stdout = stdout, stderr = stderr }, result)
end

describe("luacsi", function()
  after_each(host.teardown)

  it("tells its version", function()
    for _, flag in ipairs { "--version", "-version" } do
      assert_result(0, ("luacsi %s (CSI 1.12.0)\n"):format(luacsi.version), "", host.run { flag })
    end
  end)

  it("lists its commands", function()
    for _, flag in ipairs { "--help", "-help", "-h" } do
      local result = host.run { flag }
      assert.same({ 0, "" }, { result.code, result.stderr })
      for _, command in ipairs { "serve", "check", "call", "info", "capabilities", "probe" } do
        assert.truthy(result.stdout:find("\n  " .. command .. " ", 1, true), command)
      end
    end
  end)

  it("wants a command", function()
    local result = host.run {}
    assert.same({ 2, "" }, { result.code, result.stdout })
    assert.truthy(result.stderr:find("Usage: luacsi COMMAND", 1, true))
  end)

  it("says which command was meant", function()
    assert_result(2, "", "luacsi: unknown command prob (did you mean probe?)\n", host.run { "prob" })
    assert_result(2, "", "luacsi: unknown command xyzzy\n", host.run { "xyzzy" })
  end)

  it("fails when it cannot print", function()
    local to_full = { "/bin/sh", "-c", 'exec "$@" >/dev/full', "sh" }
    local result = host.run({ "--version" }, { prefix = to_full })
    assert.equal(1, result.code)
    assert.truthy(result.stderr:find("luacsi: standard output: No space left on device", 1, true))
  end)
end)

describe("luacsi info", function()
  after_each(host.teardown)

  it("prints a table", function()
    assert_result(0, [[
name                cli.example.com
vendor_version      1.2.3
manifest.build      7
manifest.long name  x
]], "", driver():run { "info" })
  end)

  it("prints JSON, the fields in their order", function()
    assert_result(0,
      '{"name":"cli.example.com","vendor_version":"1.2.3","manifest":{"build":"7","long name":"x"}}\n',
      "", driver():run { "info", "--json" })
  end)

  it("ends with 1 when the call fails", function()
    local server = driver "info=fail"
    local told = "FAILED_PRECONDITION: module rbd is not loaded\n"
    assert_result(1, "", told, server:run { "info" })
    assert_result(1, '{"code":"FAILED_PRECONDITION","message":"module rbd is not loaded"}\n', told,
      server:run { "info", "--json" })
  end)
end)

describe("luacsi capabilities", function()
  after_each(host.teardown)

  it("prints a table", function()
    assert_result(0, "service           CONTROLLER_SERVICE\nvolume_expansion  ONLINE\n", "",
      driver():run { "capabilities" })
  end)

  it("prints JSON", function()
    assert_result(0,
      '{"capabilities":[{"service":{"type":"CONTROLLER_SERVICE"}},{"volume_expansion":{"type":"ONLINE"}}]}\n',
      "", driver():run { "capabilities", "--json" })
  end)

  it("prints that there are none", function()
    local server = driver "capabilities=none"
    assert_result(0, "none\n", "", server:run { "capabilities" })
    assert_result(0, '{"capabilities":[]}\n', "", server:run { "capabilities", "--json" })
  end)

  it("prints what it does not know", function()
    local server = host.serve { flags = { "--validate", "off" }, script = [[
      return { GetPluginCapabilities = { capabilities = { {}, { service = { type = "UNKNOWN" } } } } }
    ]] }
    assert_result(0, "(without a type)\nservice           UNKNOWN\n", "", server:run { "capabilities" })
  end)
end)

describe("luacsi probe", function()
  after_each(host.teardown)

  it("ends with 0 when the driver is ready", function()
    local server = driver()
    assert_result(0, "ready\n", "", server:run { "probe" })
    assert_result(0, '{"ready":true}\n', "", server:run { "probe", "--json" })
  end)

  it("ends with 0 when the reply leaves it open", function()
    local server = driver "probe=open"
    assert_result(0, "ready\n", "", server:run { "probe" })
    assert_result(0, '{"ready":true}\n', "", server:run { "probe", "--json" })
  end)

  it("ends with 1 when the driver is not ready", function()
    local server = driver "probe=not_ready"
    assert_result(1, "not ready\n", "", server:run { "probe" })
    assert_result(1, '{"ready":false}\n', "", server:run { "probe", "--json" })
  end)

  it("ends with 2 when the call fails", function()
    local server = driver "probe=fail"
    local told = "FAILED_PRECONDITION: module rbd is not loaded\n"
    assert_result(2, "", told, server:run { "probe" })
    assert_result(2, '{"code":"FAILED_PRECONDITION","message":"module rbd is not loaded"}\n', told,
      server:run { "probe", "--json" })
  end)

  it("ends with 3 when the driver cannot be reached", function()
    local path = host.folder() .. "/missing.sock"
    local reason = ("unix://%s: No such file or directory"):format(path)
    local told = ("luacsi probe: %s\n"):format(reason)
    assert_result(3, "", told, host.run { "probe", "--endpoint", path })
    assert_result(3, ('{"code":"UNAVAILABLE","message":"%s"}\n'):format(reason), told,
      host.run { "probe", "--endpoint", path, "--json" })
  end)
end)

describe("luacsi call", function()
  after_each(host.teardown)

  local CREATED = '{"volume":{"capacity_bytes":5,"volume_id":"v","volume_context":{"note":"no note"},'
    .. '"accessible_topology":[]}}\n'

  it("takes a method's short name or its whole one", function()
    local server = driver()
    for _, method in ipairs { "Probe", "csi.v1.Identity/Probe", "/csi.v1.Identity/Probe" } do
      assert_result(0, '{\n  "ready": true\n}\n', "", server:run { "call", method })
      assert_result(0, '{"ready":true}\n', "", server:run { "call", "--json", method })
    end
  end)

  it("calls every method", function()
    local server = host.serve { script = "return {}", flags = { "--nodeid", "n" } }
    for _, method in ipairs(luacsi.methods()) do
      local result = server:run { "call", method.name, "{}" }
      assert(result.code == 0 or result.code == 1 and result.stderr:find "^UNIMPLEMENTED: ", method.name)
    end
  end)

  it("says which method was meant", function()
    assert_result(2, "", "luacsi call: unknown method GetPluginInf (did you mean GetPluginInfo?)\n",
      host.run { "call", "GetPluginInf" })
    assert_result(2, "", "luacsi call: unknown method csi.v1.Identity/Prob (did you mean Probe?)\n",
      host.run { "call", "csi.v1.Identity/Prob" })
    assert_result(2, "", "luacsi call: unknown method xyzzy\n", host.run { "call", "xyzzy" })
  end)

  it("takes the request from an argument", function()
    assert_result(0, CREATED, "", driver():run {
      "call", "--json", "CreateVolume", '{"name": "v", "capacity_range": {"required_bytes": 5}}',
    })
  end)

  it("takes the request from standard input", function()
    local server = driver()
    local stdin = '{"name": "v",\n"capacity_range": {"required_bytes": 5}}\n'
    assert_result(0, CREATED, "", server:run({ "call", "--json", "CreateVolume" }, { stdin = stdin }))
    assert_result(0, CREATED, "", server:run({ "call", "--json", "CreateVolume", "-" }, { stdin = stdin }))
  end)

  local NOT_FOUND = "NOT_FOUND: no such volume\n"

  it("takes no input for an empty request", function()
    local server = driver()
    for _, stdin in ipairs { "", " \n\t" } do
      local input = { stdin = stdin }
      assert_result(1, "", NOT_FOUND, server:run({ "call", "DeleteVolume" }, input))
      assert_result(1, "", NOT_FOUND, server:run({ "call", "DeleteVolume", "-" }, input))
    end
  end)

  it("reads no input where a request has no fields", function()
    assert_result(0, '{"ready":true}\n', "",
      driver():run({ "call", "Probe", "--json" }, { stdin = "not JSON" }))
  end)

  it("takes a large request from standard input", function()
    local stdin = ('{"volume_id": "%s"}'):format(("v"):rep(300000))
    assert_result(1, "", NOT_FOUND, driver():run({ "call", "DeleteVolume" }, { stdin = stdin }))
  end)

  it("refuses a request that does not convert", function()
    local refused = {
      ["{"] = "JSON, line 1, column 1: ",
      ['{"name": "v"} x'] = "JSON, line 1, column 15: ",
      ['{"name": "v", "name": "w"}'] = "duplicate object key",
      ['{"name": "\\u0000"}'] = "",
      ['{"name": "\xff"}'] = "",
      ['{"nam": "v"}'] = 'CreateVolumeRequest: no field is called "nam" (did you mean name?)',
      ['{"name": 1}'] = "CreateVolumeRequest.name: expected string, got number 1",
      ['{"capacity_range": {"required_bytes": "5"}}'] =
        'CreateVolumeRequest.capacity_range.required_bytes: expected integer, got string "5"',
      ['{"capacity_range": {"required_bytes": 5.5}}'] = "CreateVolumeRequest.capacity_range.required_bytes: ",
      ['"v"'] = "",
      ["1"] = "",
      ["null"] = "CreateVolumeRequest: ",
      ["[]"] = "CreateVolumeRequest: ",
    }
    local server = driver()
    for json, expected in pairs(refused) do
      local result = server:run { "call", "CreateVolume", json }
      assert.same({ 2, "" }, { result.code, result.stdout }, json)
      assert.equal("luacsi call: ", result.stderr:sub(1, 13))
      assert.truthy(result.stderr:find(expected, 1, true), result.stderr)
    end
  end)

  it("takes null for a field that is absent", function()
    assert_result(1, "", NOT_FOUND, driver():run { "call", "DeleteVolume", '{"volume_id": null}' })
  end)

  it("sends metadata along", function()
    local result = driver():run {
      "call", "CreateVolume", '{"name": "v"}', "--metadata", "note=a = b", "--metadata=more=", "--json",
    }
    assert.equal("a = b", luacsi.json.decode(result.stdout).volume.volume_context.note)
  end)

  it("refuses metadata that gRPC does not take", function()
    local server = driver()
    for _, pair in ipairs { "Upper=x", "sp ace=x", "te=x", "grpc-timeout=1S", "content-type=x", "key=\1" } do
      local result = server:run { "call", "Probe", "--metadata", pair }
      assert.same({ 2, "" }, { result.code, result.stdout }, pair)
      assert.equal("luacsi call: metadata", result.stderr:sub(1, 21))
    end
  end)

  it("waits no longer than --timeout", function()
    local server = driver()
    local result = server:run { "call", "ControllerGetVolume", "{}", "--timeout", "20ms" }
    assert.same({ 1, "" }, { result.code, result.stdout })
    assert.equal("DEADLINE_EXCEEDED: ", result.stderr:sub(1, 19))
  end)

  it("does not stream", function()
    assert_result(1, "", "UNIMPLEMENTED: streaming replies are not supported yet\n",
      driver():run { "call", "GetMetadataDelta", "{}" })
  end)
end)

describe("a driver that is out of reach", function()
  after_each(host.teardown)

  local COMMANDS = { { "info" }, { "capabilities" }, { "probe" }, { "call", "Probe" } }

  local function assert_unreachable(endpoint, reason)
    for _, words in ipairs(COMMANDS) do
      local command = table.move(words, 1, #words, 1, {})
      command[#command + 1] = "--endpoint=" .. endpoint
      assert_result(3, "", ("luacsi %s: %s: %s\n"):format(words[1], endpoint, reason), host.run(command))
    end
  end

  it("has no socket", function()
    assert_unreachable("unix://" .. host.folder() .. "/csi.sock", "No such file or directory")
  end)

  it("does not listen any more", function()
    local path = host.folder() .. "/csi.sock"
    process.write_file(path, "") -- to connect(2), it is as a stale socket
    assert_unreachable("unix://" .. path, "Connection refused")
    assert_unreachable("tcp://127.0.0.1:" .. host.free_port(), "Connection refused")
  end)

  it("hangs up, or speaks something else: no answer, but a status", function()
    local behaviours = {
      ["UNAVAILABLE: "] = function(client) client:close() end,
      ["INTERNAL: "] = function(client)
        client:write("HTTP/1.1 400 Bad Request\r\n\r\n")
        client:read_start(function() end)
      end,
      ["DEADLINE_EXCEEDED: "] = function(client) client:read_start(function() end) end,
    }
    for told, behave in pairs(behaviours) do
      local path = host.folder() .. "/csi.sock"
      local listener, clients = uv.new_pipe(false), {}
      assert(listener:bind(path))
      assert(listener:listen(5, function()
        clients[#clients + 1] = uv.new_pipe(false)
        listener:accept(clients[#clients])
        behave(clients[#clients])
      end))
      local result = host.run { "info", "--endpoint", path, "--timeout", "200ms" }
      assert.same({ 1, "" }, { result.code, result.stdout })
      assert.equal(told, result.stderr:sub(1, #told))
      for _, handle in ipairs { listener, table.unpack(clients) } do
        if not handle:is_closing() then
          handle:close()
        end
      end
    end
  end)
end)

-- A driver may put into its texts what would move a terminal's cursor, or worse.
describe("output for people", function()
  after_each(host.teardown)

  local TRICKS = "a\27[2Jb\rc\nd\127e\194\155f\194\133g\8\7"

  local function assert_harmless(text)
    local without_lines = text:gsub("\n$", ""):gsub("\n", "")
    assert.is_nil(without_lines:find("%c"), ("%q"):format(text))
    assert.is_nil(without_lines:find("\194[\128-\159]"), ("%q"):format(text))
  end

  local function tricky(fields)
    return host.serve {
      script = ("local tricks = %q %s"):format(TRICKS, fields),
      flags = { "--validate=off" },
    }
  end

  it("has no control characters of a reply", function()
    local server = tricky [[return { GetPluginInfo = {
      name = tricks, vendor_version = tricks, manifest = { [tricks] = tricks } } }
    ]]
    local result = server:run { "info" }
    local shown = [[a\x1b[2Jb\x0dc\x0ad\x7fe]]
    assert.truthy(result.stdout:find(shown, 1, true), result.stdout)
    assert_harmless(result.stdout)
    assert.equal(3, select(2, result.stdout:gsub("\n", "")))
    assert_harmless(server:run { "call", "GetPluginInfo" }.stdout)
  end)

  it("has no control characters of a status", function()
    local server = tricky [[
      local csi = require "csi"
      return { Probe = function() csi.fail("ABORTED", tricks) end }
    ]]
    for _, command in ipairs { { "probe" }, { "call", "Probe" } } do
      local result = server:run(command)
      assert.equal([[ABORTED: a\x1b[2Jb]], result.stderr:sub(1, 18))
      assert_harmless(result.stderr)
    end
  end)

  it("for machines brings them as they are", function()
    local server = tricky [[return { GetPluginInfo = { name = tricks, vendor_version = "1" } }]]
    local result = server:run { "info", "--json" }
    assert.equal(TRICKS, luacsi.json.decode(result.stdout).name)
    assert.equal(1, select(2, result.stdout:gsub("\n", "")))
  end)
end)
