-- Flags, as all commands read them: forms, values, environment, errors, --help. Flag beats environment
-- beats default; what is wrong is told in one line that names where it came from, with exit code 2.

local host = require "spec.support.host"
local luacsi = require "luacsi"

-- The flags of each command, with the environment variables that --help has to name.
local REMOTE = {
  ["--endpoint"] = "LUACSI_ENDPOINT, CSI_ENDPOINT", ["--timeout"] = "LUACSI_TIMEOUT",
  ["--metadata"] = "LUACSI_METADATA", ["--json"] = "LUACSI_JSON",
}
-- What a script may do and take, for the commands that load one.
local function script_flags(flags)
  for _, name in ipairs { "allow-all", "allow-env", "allow-exec", "allow-net", "allow-read",
    "handler-cpu", "handler-timeout", "memory", "set", "validate" } do
    flags["--" .. name] = "LUACSI_" .. name:upper():gsub("-", "_")
  end
  flags["--nodeid"] = "LUACSI_NODEID, KUBE_NODE_NAME"
  return flags
end

local COMMANDS = {
  serve = script_flags {
    ["--endpoint"] = "LUACSI_ENDPOINT, CSI_ENDPOINT", ["--socket-mode"] = "LUACSI_SOCKET_MODE",
    ["--grace"] = "LUACSI_GRACE", ["-v"] = "LUACSI_V", ["--logging-format"] = "LUACSI_LOGGING_FORMAT",
    ["--max-in-flight"] = "LUACSI_MAX_IN_FLIGHT", ["--no-watch"] = "LUACSI_NO_WATCH",
    ["--state"] = "LUACSI_STATE", ["--state-reset"] = "LUACSI_STATE_RESET",
    ["--http-endpoint"] = "LUACSI_HTTP_ENDPOINT", ["--control"] = "LUACSI_CONTROL",
    ["--kubelet-registration-path"] = "LUACSI_KUBELET_REGISTRATION_PATH",
    ["--plugin-registration-path"] = "LUACSI_PLUGIN_REGISTRATION_PATH",
    ["--clock"] = "LUACSI_CLOCK", ["--seed"] = "LUACSI_SEED", ["--upstream"] = "LUACSI_UPSTREAM",
    ["--calls"] = "LUACSI_CALLS", ["--sessions"] = "LUACSI_SESSIONS",
    ["--http-control"] = "LUACSI_HTTP_CONTROL",
  },
  record = {
    ["--endpoint"] = "LUACSI_ENDPOINT, CSI_ENDPOINT", ["--socket-mode"] = "LUACSI_SOCKET_MODE",
    ["--upstream"] = "LUACSI_UPSTREAM", ["--out"] = "LUACSI_OUT", ["--times"] = "LUACSI_TIMES",
    ["--grace"] = "LUACSI_GRACE", ["--max-in-flight"] = "LUACSI_MAX_IN_FLIGHT",
    ["-v"] = "LUACSI_V", ["--logging-format"] = "LUACSI_LOGGING_FORMAT",
  },
  liveness = {
    ["--endpoint"] = "LUACSI_ENDPOINT, CSI_ENDPOINT", ["--http-endpoint"] = "LUACSI_HTTP_ENDPOINT",
    ["--metrics-path"] = "LUACSI_METRICS_PATH", ["--polltime"] = "LUACSI_POLLTIME",
    ["--timeout"] = "LUACSI_TIMEOUT", ["-v"] = "LUACSI_V", ["--logging-format"] = "LUACSI_LOGGING_FORMAT",
  },
  check = script_flags {
    ["--json"] = "LUACSI_JSON", ["--for"] = "LUACSI_FOR", ["--for-timeout"] = "LUACSI_FOR_TIMEOUT",
  },
  ctl = {
    ["--control"] = "LUACSI_CONTROL", ["--timeout"] = "LUACSI_TIMEOUT", ["--json"] = "LUACSI_JSON",
    ["--session"] = "LUACSI_SESSION", ["--method"] = "LUACSI_METHOD", ["--status"] = "LUACSI_STATUS",
    ["--request"] = "LUACSI_REQUEST", ["--since"] = "LUACSI_SINCE", ["--limit"] = "LUACSI_LIMIT",
    ["--count"] = "LUACSI_COUNT", ["--exactly"] = "LUACSI_EXACTLY", ["--at-least"] = "LUACSI_AT_LEAST",
    ["--at-most"] = "LUACSI_AT_MOST", ["--never"] = "LUACSI_NEVER", ["--order"] = "LUACSI_ORDER",
    ["--file"] = "LUACSI_FILE",
  },
  repl = script_flags { ["--history"] = "LUACSI_HISTORY" },
  init = { ["--kubernetes"] = "LUACSI_KUBERNETES", ["--definitions"] = "LUACSI_DEFINITIONS" },
  test = { ["--busted"] = "LUACSI_BUSTED" },
  call = REMOTE, info = REMOTE, capabilities = REMOTE, probe = REMOTE, status = REMOTE,
}

-- Runs a command that must end with exit code 2 and this one line.
local function assert_usage(line, arguments, env)
  assert.same({ code = 2, stdout = "", stderr = line .. "\n" }, host.run(arguments, { env = env }))
end

-- What a script sees of the configuration, through its driver's manifest.
local CONFIG = [[
  local csi = require "csi"
  local manifest = {}
  for key, value in pairs(csi.config) do
    manifest[key] = value
  end
  return { GetPluginInfo = { name = "config.example.com", vendor_version = "1", manifest = manifest } }
]]

local function config(options)
  options.script = CONFIG
  local server = host.serve(options)
  return server:connect():call("GetPluginInfo").manifest
end

describe("--help", function()
  after_each(host.teardown)

  for name, flags in pairs(COMMANDS) do
    it("lists each flag of " .. name .. " with its environment variables, and the exit codes", function()
      local result = host.run { name, "--help" }
      assert.same({ 0, "" }, { result.code, result.stderr })
      assert.equal("Usage: luacsi " .. name .. " ", result.stdout:match("^Usage: luacsi %S+ "))
      assert.truthy(result.stdout:find("\nExit codes: 0 ", 1, true))
      local listed = {}
      for flag, variables in result.stdout:gmatch("\n  (%-+[%w-]+)[^\n]-%[([%u_, ]+)%]\n      %S") do
        listed[flag] = variables
      end
      assert.same(flags, listed)
    end)
  end

  it("has other forms, and beats all that is wrong besides", function()
    local help = host.run { "probe", "--help" }
    for _, arguments in ipairs {
      { "probe", "-h" }, { "probe", "-help" }, { "probe", "--help", "--bogus" }, { "probe", "x", "--help" },
    } do
      assert.same(help, host.run(arguments))
    end
    assert.same(help, host.run({ "probe", "--help" }, { env = { LUACSI_TIMEOUT = "never" } }))
  end)
end)

describe("a flag", function()
  after_each(host.teardown)

  it("has one dash or two, and its value behind = or behind a space", function()
    local server = host.serve {
      flags = { "-set", "name=a.example.com", "--set=version=9", "-v", "1", "--v=2" },
    }
    for _, arguments in ipairs {
      { "info", "--json" }, { "info", "-json" }, { "info", "--json=true" }, { "info", "-json=1" },
      { "info", "-timeout=5s", "--json" }, { "info", "--timeout", "5s", "--json" },
      { "info", "-timeout", "5s", "-json" },
    } do
      assert.same({ code = 0, stderr = "",
        stdout = '{"name":"a.example.com","vendor_version":"9","manifest":{}}\n' }, server:run(arguments))
    end
    assert.truthy(server:run({ "info", "--json=false" }).stdout:find("^name  "))
  end)

  it("may stand anywhere among the arguments, up to --", function()
    local server = host.serve {}
    for _, arguments in ipairs {
      { "call", "--json", "Probe", "{}", "--timeout=1s" }, { "call", "Probe", "--json", "{}" },
      { "call", "--json", "--", "Probe", "{}" }, { "call", "--json", "Probe", "--", "{}" },
    } do
      table.insert(arguments, 2, "--endpoint=" .. server.endpoint)
      assert.same({ code = 0, stdout = '{"ready":true}\n', stderr = "" }, host.run(arguments))
    end
    assert_usage("luacsi call: unknown method --json", { "call", "--", "--json" })
  end)

  it("is the last one that was given", function()
    assert.equal("b", config { flags = { "--nodeid", "a", "--nodeid=b" } }.nodeid)
  end)

  it("is called --csi-address as well as --endpoint", function()
    local server = host.serve {}
    assert.equal(0, host.run({ "probe", "--csi-address", server.socket }).code)
    assert.equal(0, host.run({ "probe", "-csi-address=" .. server.endpoint }).code)
  end)

  it("that nobody knows is told, and which one was meant", function()
    assert_usage("luacsi probe: unknown flag --endpiont (did you mean --endpoint?)",
      { "probe", "--endpiont", "/x" })
    assert_usage("luacsi probe: unknown flag -jsno (did you mean --json?)", { "probe", "-jsno=true" })
    assert_usage("luacsi serve: unknown flag --loging-format (did you mean --logging-format?)",
      { "serve", "--loging-format=json" })
    assert_usage("luacsi probe: unknown flag --xyzzy", { "probe", "--xyzzy" })
    assert_usage("luacsi probe: unknown flag -", { "probe", "-=x" })
  end)

  it("needs a value", function()
    assert_usage("luacsi probe: --timeout: expected a value (DURATION), got none", { "probe", "--timeout" })
    assert_usage("luacsi probe: --endpoint: expected a value (ADDRESS), got none",
      { "probe", "--endpoint", "--json" })
    assert_usage("luacsi serve: -v: expected a value (LEVEL), got none", { "serve", "-v" })
  end)

  it("has values of its kind", function()
    local wrong = {
      [{ "serve", "-v=x" }] = 'serve: -v: expected integer from 0 to 10, got "x"',
      [{ "serve", "-v", "-1" }] = 'serve: -v: expected integer from 0 to 10, got "-1"',
      [{ "serve", "-v=11" }] = 'serve: -v: expected integer from 0 to 10, got "11"',
      [{ "serve", "-v=99999999999999999999" }] =
        'serve: -v: expected integer from 0 to 10, got "99999999999999999999"',
      [{ "serve", "--socket-mode=0888" }] =
        'serve: --socket-mode: expected permission bits in octal such as 0660, got "0888"',
      [{ "serve", "--socket-mode=1777" }] =
        'serve: --socket-mode: expected permission bits in octal such as 0660, got "1777"',
      [{ "serve", "--socket-mode=" }] =
        'serve: --socket-mode: expected permission bits in octal such as 0660, got ""',
      [{ "serve", "--grace=-1s" }] =
        'serve: --grace: expected a duration such as 300ms, 5s or 1m30s, got "-1s"',
      [{ "serve", "--grace=5 s" }] =
        'serve: --grace: expected a duration such as 300ms, 5s or 1m30s, got "5 s"',
      [{ "serve", "--validate=maybe" }] = 'serve: --validate: expected one of strict, warn, off, got "maybe"',
      [{ "serve", "--logging-format=JSON" }] =
        'serve: --logging-format: expected one of text, json, got "JSON"',
      [{ "serve", "--set", "key" }] = 'serve: --set: expected KEY=VALUE, got "key"',
      [{ "serve", "--set", "=value" }] = 'serve: --set: expected KEY=VALUE, got "=value"',
      [{ "probe", "--json=yes" }] = 'probe: --json: expected true or false, got "yes"',
      [{ "probe", "--timeout=1y" }] =
        'probe: --timeout: expected a duration such as 300ms, 5s or 1m30s, got "1y"',
      [{ "probe", "--timeout=9999999h" }] =
        'probe: --timeout: expected a duration such as 300ms, 5s or 1m30s, got "9999999h"',
    }
    for arguments, line in pairs(wrong) do
      assert_usage("luacsi " .. line, arguments)
    end
  end)

  it("takes durations in all units", function()
    local server = host.serve {}
    local durations = { "10", "10s", "1m30s", "1.5s", ".5m", "0", "5000ms", "9000000us", "1h", "2562h" }
    for _, duration in ipairs(durations) do
      assert.equal(0, server:run({ "probe", "--timeout", duration }).code, duration)
    end
  end)

  it("may be given too often", function()
    local arguments = { "serve" }
    for i = 1, 65 do
      arguments[#arguments + 1] = ("--set=key%d=value"):format(i)
    end
    assert_usage("luacsi serve: --set: more than 64 pairs", arguments)
  end)
end)

describe("arguments", function()
  after_each(host.teardown)

  it("are as many as the command takes", function()
    assert_usage('luacsi probe: unexpected argument "x"', { "probe", "x" })
    assert_usage('luacsi serve: unexpected argument "b.lua"', { "serve", "a.lua", "b.lua" })
    assert_usage('luacsi call: unexpected argument "more"', { "call", "Probe", "{}", "more" })
    assert_usage("luacsi call: expected METHOD [JSON], got nothing", { "call" })
  end)
end)

describe("--set, --nodeid and their variables", function()
  after_each(host.teardown)

  it("are what the script reads in csi.config", function()
    assert.same({ a = "1", b = "x=y", c = "", nodeid = "node-1" },
      config { flags = { "--set", "a=1", "--set=b=x=y", "--set", "c=", "--nodeid", "node-1" } })
  end)

  it("come from the environment, pairs with commas between them", function()
    assert.same({ a = "1", b = "x=y", nodeid = "node-1" },
      config { env = { LUACSI_SET = "a=1,b=x=y", LUACSI_NODEID = "node-1", KUBE_NODE_NAME = "node-2" } })
    assert.same({ nodeid = "node-2" }, config { env = { KUBE_NODE_NAME = "node-2" } })
  end)

  it("are the flags' when there are both", function()
    assert.same({ b = "2", nodeid = "flag" }, config {
      flags = { "--set", "b=2", "--nodeid=flag" },
      env = { LUACSI_SET = "a=1", LUACSI_NODEID = "environment" },
    })
  end)

  it("fall back on the host's name", function()
    assert.same({ nodeid = require("luv").os_gethostname() }, config {})
  end)
end)

describe("the environment", function()
  after_each(host.teardown)

  it("counts as absent where it is empty", function()
    local server = host.serve { env = { LUACSI_V = "", LUACSI_SET = "", LUACSI_GRACE = "" } }
    local probe = server:run({ "probe" }, { env = { LUACSI_JSON = "", LUACSI_TIMEOUT = "" } })
    assert.same({ code = 0, stdout = "ready\n", stderr = "" }, probe)
  end)

  it("stands in for every flag of a call", function()
    local server = host.serve { script = [[
      return { GetPluginInfo = function(request, context)
        local metadata = context.metadata
        return { name = "env.example.com", vendor_version = metadata.version .. metadata.more }
      end }
    ]] }
    assert.same({ code = 0, stderr = "",
      stdout = '{"name":"env.example.com","vendor_version":"12","manifest":{}}\n' },
      host.run({ "info" }, { env = {
        LUACSI_ENDPOINT = server.endpoint, CSI_ENDPOINT = "unix:///nowhere.sock", LUACSI_JSON = "true",
        LUACSI_METADATA = "version=1,more=2", LUACSI_TIMEOUT = "10s",
      } }))
    assert.equal(0, host.run({ "info" }, { env = {
      CSI_ENDPOINT = server.endpoint, LUACSI_METADATA = "version=1,more=2",
    } }).code)
  end)

  it("is named where it is wrong", function()
    local wrong = {
      LUACSI_V = 'expected integer from 0 to 10, got "many"',
      LUACSI_SOCKET_MODE = 'expected permission bits in octal such as 0660, got "many"',
      LUACSI_GRACE = 'expected a duration such as 300ms, 5s or 1m30s, got "many"',
      LUACSI_VALIDATE = 'expected one of strict, warn, off, got "many"',
      LUACSI_LOGGING_FORMAT = 'expected one of text, json, got "many"',
      LUACSI_SET = 'expected KEY=VALUE, got "many"',
    }
    for variable, text in pairs(wrong) do
      assert_usage(("luacsi serve: %s: %s"):format(variable, text), { "serve" }, { [variable] = "many" })
    end
    assert_usage('luacsi probe: LUACSI_JSON: expected true or false, got "many"', { "probe" },
      { LUACSI_JSON = "many" })
    assert_usage('luacsi probe: LUACSI_METADATA: expected KEY=VALUE, got "b"', { "probe" },
      { LUACSI_METADATA = "a=1,b" })
  end)

  it("is named where its endpoint is wrong", function()
    for _, variable in ipairs { "LUACSI_ENDPOINT", "CSI_ENDPOINT" } do
      for _, command in ipairs { "serve", "probe" } do
        local result = host.run({ command }, { env = { [variable] = "http://x" } })
        assert.equal(2, result.code)
        assert.truthy(result.stderr:find(variable .. ":", 1, true), result.stderr)
      end
    end
  end)

  it("does not matter where the flag is given", function()
    local server = host.serve { flags = { "-v=1" }, env = { LUACSI_V = "many" } }
    assert.equal(0, server:run({ "probe", "--timeout=5s" }, { env = { LUACSI_TIMEOUT = "never" } }).code)
  end)
end)

describe("the log's flags", function()
  after_each(host.teardown)

  local function log_after_calls(flags)
    local server = host.serve { file = "examples/hello.lua", flags = flags }
    local connection = server:connect()
    connection:call("Probe")
    connection:call("GetPluginInfo")
    connection:call("CreateVolume")
    server:stop()
    return server:log()
  end

  it("-v tells at 4 of each call, at 5 of Probe as well; errors always", function()
    for verbosity, expected in pairs {
      ["0"] = { false, false, true }, ["3"] = { false, false, true },
      ["4"] = { false, true, true }, ["5"] = { true, true, true },
    } do
      local log = log_after_calls { "-v=" .. verbosity }
      local told = {}
      for i, method in ipairs { "Identity/Probe", "Identity/GetPluginInfo", "Controller/CreateVolume" } do
        told[i] = log:find(('method="/csi.v1.%s"'):format(method), 1, true) ~= nil
      end
      assert.same(expected, told, verbosity)
    end
  end)

  it("--logging-format text writes lines as klog does", function()
    for line in log_after_calls({ "-v=5" }):gmatch("[^\n]+") do
      assert.truthy(line:find("^[IWE]%d%d%d%d %d%d:%d%d:%d%d%.%d%d%d%d%d%d +%d+ [%w_.]+:%d+%] [\"g]"), line)
    end
  end)

  it("--logging-format json writes an object a line", function()
    local lines = 0
    for line in log_after_calls({ "-v=5", "--logging-format=json" }):gmatch("[^\n]+") do
      local entry = assert(luacsi.json.decode(line))
      assert.same({ "number", "string", "string" }, { type(entry.ts), type(entry.msg), type(entry.level) })
      lines = lines + 1
    end
    assert(lines >= 5, lines)
  end)

  it("--validate says what becomes of a reply against the rules", function()
    for mode, expected in pairs { strict = { 1, false }, warn = { 0, true }, off = { 0, false } } do
      local server = host.serve {
        script = [[return { GetPluginInfo = function() return { name = "-", vendor_version = "1" } end }]],
        flags = { "--validate", mode },
      }
      local code = server:run({ "info" }).code
      local warned = server:log():find("\nW[^\n]*GetPluginInfoResponse.name") ~= nil
      assert.same(expected, { code, warned }, mode)
      server:stop()
    end
  end)
end)
