-- luacsi check --for: what would become of the callers of a driver. The script is served as `serve` would,
-- and each caller's calls are made over a real socket.

local host = require "spec.support.host"
local luacsi = require "luacsi"
local process = require "spec.support.process"
local wait = require "spec.support.wait"

local ALL = {
  "livenessprobe", "registrar", "kubelet", "provisioner", "attacher", "resizer", "snapshotter",
  "health-monitor", "nomad", "csi-sanity",
}

-- A script: these entries over a driver that every caller can work with.
local function script(entries)
  return ([[
    local csi = require "csi"
    local driver = {
      GetPluginInfo = { name = "good.example.com", vendor_version = "1" },
      Probe = { ready = true },
      GetPluginCapabilities = { capabilities = { { service = { type = "CONTROLLER_SERVICE" } } } },
      ControllerGetCapabilities = { capabilities = {
        { rpc = { type = "CREATE_DELETE_VOLUME" } }, { rpc = { type = "PUBLISH_UNPUBLISH_VOLUME" } },
        { rpc = { type = "CREATE_DELETE_SNAPSHOT" } }, { rpc = { type = "EXPAND_VOLUME" } },
        { rpc = { type = "LIST_VOLUMES" } }, { rpc = { type = "VOLUME_CONDITION" } },
      } },
    }
    for name, answer in pairs { %s } do driver[name] = answer end
    return driver
  ]]):format(entries or "")
end

describe("luacsi check --for", function()
  after_each(host.teardown)

  -- Checks a script, in a folder of its own that is the one for temporary files, too.
  local function check(text, flags, options)
    local folder = host.folder()
    process.write_file(folder .. "/a.lua", text)
    assert(require("luv").fs_mkdir(folder .. "/tmp", 448))
    local arguments = table.move(flags, 1, #flags, 2, { "check" })
    arguments[#arguments + 1] = "a.lua"
    local env = (options or {}).env or {}
    env.TMPDIR = folder .. "/tmp"
    local result = host.run(arguments, { cwd = folder, env = env })
    assert.same({}, host.files_in(folder .. "/tmp"))
    return result
  end

  -- The rows by caller, and the result. A later --for among the flags wins.
  local function play(text, flags)
    local arguments = table.move(flags or {}, 1, #(flags or {}), 3, { "--for=all", "--json" })
    local result = check(text, arguments)
    local verdict = assert(luacsi.json.decode(result.stdout))
    local rows = {}
    for _, row in ipairs(verdict.callers) do
      rows[row.caller] = row
    end
    return rows, result, verdict
  end

  -- What each of these callers comes to.
  local function assert_verdicts(expected, rows)
    local verdicts = {}
    for name in pairs(expected) do
      verdicts[name] = rows[name].verdict
    end
    assert.same(expected, verdicts)
  end

  it("finds that all callers work with a good driver", function()
    local rows, result, verdict = play(script())
    for _, name in ipairs(ALL) do
      assert.same({ name, "works", true, nil, nil },
        { name, rows[name].verdict, rows[name].ok, rows[name].call, rows[name].code })
    end
    assert.same({ 0, true, #ALL }, { result.code, verdict.ok, #verdict.callers })
  end)

  it("prints a table", function()
    local without = 'ControllerGetCapabilities = function() csi.fail("UNIMPLEMENTED", "not I") end'
    local result = check(script(without), { "--for", "kubelet,provisioner,attacher" })
    assert.same({
      code = 1,
      stderr = "",
      stdout = [[
CALLER          VERDICT   AT                             WHAT HAPPENS
kubelet         works     -                              registers the driver
provisioner     exits     ControllerGetCapabilities      exits (UNIMPLEMENTED: not I)
attacher        exits     ControllerGetCapabilities      exits (UNIMPLEMENTED: not I)
a.lua: 0 errors, 0 warnings, 2 callers do not work
]],
    }, result)
  end)

  it("says ok behind the table when nothing is wrong", function()
    local result = check(script(), { "--for=registrar" })
    assert.equal(0, result.code)
    assert.matches("\nregistrar +works +%- +offers the driver to the kubelet\na%.lua: ok\n$", result.stdout)
  end)

  it("tells apart who exits and who can live with a missing service", function()
    local rows, result = play(script "GetPluginCapabilities = { capabilities = {} }")
    assert_verdicts({
      livenessprobe = "works", registrar = "works", kubelet = "works", provisioner = "limited",
      attacher = "limited", resizer = "exits", snapshotter = "works", ["health-monitor"] = "exits",
      nomad = "works", ["csi-sanity"] = "works",
    }, rows)
    assert.same({ "GetPluginCapabilities", "exits: no CONTROLLER_SERVICE" },
      { rows.resizer.call, rows.resizer.text })
    assert.equal(1, result.code)
  end)

  it("does not count a caller that is only limited", function()
    assert.equal(0, check(script "GetPluginCapabilities = { capabilities = {} }",
      { "--for=attacher,provisioner" }).code)
  end)

  it("asks the node where the controller cannot expand", function()
    local without = 'ControllerGetCapabilities = { capabilities = {} },'
    local rows = play(script(without))
    assert.same({ "exits", "NodeGetCapabilities" }, { rows.resizer.verdict, rows.resizer.call })
    assert_verdicts({ snapshotter = "exits", ["health-monitor"] = "exits", attacher = "limited" }, rows)
    local node = 'NodeGetCapabilities = { capabilities = { { rpc = { type = "EXPAND_VOLUME" } } } }'
    rows = play(script(without .. node))
    assert_verdicts({ resizer = "works" }, rows)
  end)

  describe("of a Probe", function()
    local ASKING = { "provisioner", "attacher", "resizer", "snapshotter", "health-monitor" }

    it("that fails: sidecars exit", function()
      local rows = play(script 'Probe = function() csi.fail("UNAVAILABLE", "no backend") end')
      for _, name in ipairs(ASKING) do
        assert.same({ "exits", "Probe", "UNAVAILABLE", "exits (UNAVAILABLE: no backend)" },
          { rows[name].verdict, rows[name].call, rows[name].code, rows[name].text })
      end
      assert_verdicts({ livenessprobe = "restarts", nomad = "restarts", ["csi-sanity"] = "fails",
        registrar = "works", kubelet = "works" }, rows)
    end)

    it("that never is ready: sidecars wait", function()
      local rows, result = play(script "Probe = { ready = false }", { "--for-timeout=1s" })
      for _, name in ipairs(ASKING) do
        assert.equal("waits", rows[name].verdict)
        assert.matches("^still waits for Probe to be ready %(looked for %d+%.%d s%)$", rows[name].text)
      end
      assert_verdicts({ livenessprobe = "restarts", nomad = "restarts", ["csi-sanity"] = "works" }, rows)
      assert.equal(1, result.code)
    end)

    it("that is ready the second time: sidecars wait and go on", function()
      local rows, result = play([[
        local asked = 0
        ]] .. script [[Probe = function()
          asked = asked + 1
          return { ready = asked > 1 }
        end]])
      for _, name in ipairs(ASKING) do
        assert.equal("works", rows[name].verdict)
        assert.matches("^waits %d+%.%d s until Probe is ready; then: ", rows[name].text)
      end
      assert_verdicts({ livenessprobe = "works", nomad = "works" }, rows)
      assert.equal("registers the driver", rows.kubelet.text)
      assert.equal(0, result.code)
    end)
  end)

  it("keeps the deadlines of each", function()
    local rows = play(script [[GetPluginInfo = function()
      csi.sleep(1.2)
      return { name = "slow.example.com", vendor_version = "1" }
    end]], { "--for=registrar,provisioner" })
    assert.same({ "exits", "GetPluginInfo", "DEADLINE_EXCEEDED" },
      { rows.registrar.verdict, rows.registrar.call, rows.registrar.code })
    assert_verdicts({ provisioner = "works" }, rows)
  end)

  it("looks no longer than it is told at a caller that waits for an answer", function()
    local rows, result = play(script 'NodeGetInfo = require "csi.fault".hang()',
      { "--for=kubelet,csi-sanity", "--for-timeout=1s" })
    for _, name in ipairs { "kubelet", "csi-sanity" } do
      assert.same({ "waits", "NodeGetInfo", "still waits for an answer (looked for 1.0 s)" },
        { rows[name].verdict, rows[name].call, rows[name].text })
    end
    assert.equal(1, result.code)
  end)

  it("adds up the calls that share a deadline", function()
    local rows = play(script [[ControllerGetCapabilities = function()
      csi.sleep(0.4)
      return { capabilities = { { rpc = { type = "GET_VOLUME" } }, { rpc = { type = "VOLUME_CONDITION" } } } }
    end]], { "--for=health-monitor" })
    local row = rows["health-monitor"]
    assert.same({ "exits", "DEADLINE_EXCEEDED" }, { row.verdict, row.code })
  end)

  it("looks at the node's id as the kubelet and the API server do", function()
    local rows = play(script('NodeGetInfo = { node_id = ("n"):rep(193) }'), { "--validate=off" })
    assert.same({ "fails", "does not register the driver (node_id is longer than 192 bytes)" },
      { rows.kubelet.verdict, rows.kubelet.text })
    assert_verdicts({ nomad = "fails", ["csi-sanity"] = "limited" }, rows)
  end)

  it("knows csi-sanity's pattern for names", function()
    local rows, _, verdict = play(script 'GetPluginInfo = { name = "1st.example.com", vendor_version = "1" }')
    assert_verdicts({ ["csi-sanity"] = "fails", registrar = "works" }, rows)
    assert.same({ "warning", false }, { verdict.problems[1].severity, verdict.ok })
  end)

  it("sees the driver's name as callers do", function()
    local rows = play(script 'GetPluginInfo = function() return { name = "" } end')
    assert.same({ "exits", "UNAVAILABLE" }, { rows.registrar.verdict, rows.registrar.code })
    rows = play(script 'GetPluginInfo = { name = "", vendor_version = "1" }', { "--validate=off" })
    assert.same({ "exits", "exits (the name is empty)" }, { rows.registrar.verdict, rows.registrar.text })
  end)

  it("sees a handler that is stuck as callers do", function()
    local rows = play(script [[ControllerGetCapabilities = function()
      return { capabilities = { { rpc = { type = (("a"):rep(3000)):find(("a-"):rep(6) .. "b") } } } }
    end]], { "--handler-timeout=200ms", "--handler-cpu=100ms",
      "--for=provisioner" })
    assert.same({ "exits", "ControllerGetCapabilities", "DEADLINE_EXCEEDED" },
      { rows.provisioner.verdict, rows.provisioner.call, rows.provisioner.code })
  end)

  it("serves with the flags that serve would have", function()
    local rows, result = play(script [[
      GetPluginInfo = { name = csi.config.name, vendor_version = "1" },
      NodeGetInfo = { node_id = csi.config.nodeid },
      Probe = function() return { ready = csi.stat("/proc/self") ~= nil } end,
    ]], { "--set=name=set.example.com", "--nodeid=one", "--allow-read=/proc/self" })
    assert.equal(0, result.code, result.stdout)
    assert_verdicts({ kubelet = "works", provisioner = "works" }, rows)
  end)

  it("shows what a script may not do", function()
    local rows = play(script 'Probe = function() return { ready = csi.stat("/proc/self") ~= nil } end')
    assert.same({ "exits", "INTERNAL" }, { rows.attacher.verdict, rows.attacher.code })
    assert.matches("%-%-allow%-read", rows.attacher.text)
  end)

  it("judges each of several scripts", function()
    local folder = host.folder()
    process.write_file(folder .. "/a.lua", script())
    process.write_file(folder .. "/b.lua", "return {")
    process.write_file(folder .. "/c.lua", script "GetPluginCapabilities = { capabilities = {} }")
    local result = host.run({ "check", "--for=resizer", "a.lua", "b.lua", "c.lua" }, { cwd = folder })
    assert.equal(1, result.code)
    for _, pattern in ipairs {
      "resizer +works.*\na%.lua: ok\nb%.lua:1: error: ",
      "\nb%.lua: 1 error, 0 warnings\nCALLER",
      "\nresizer +exits.*\nc%.lua: 0 errors, 0 warnings, 1 caller does not work\n$",
    } do
      assert.matches(pattern, result.stdout)
    end
  end)

  it("plays nobody against a script that does not load", function()
    local rows, result, verdict = play "return {"
    assert.same({ {}, 1, false }, { rows, result.code, verdict.ok })
  end)

  it("shows control characters of a script as they are written", function()
    local failing = [[Probe = function() csi.fail("ABORTED", "a\27[2Jb") end]]
    assert.truthy(check(script(failing), { "--for=attacher" }).stdout:find(
      "exits (ABORTED: a\\x1b[2Jb)\n", 1, true))
  end)

  it("takes the callers from the environment, too", function()
    local result = check(script(), {}, { env = { LUACSI_FOR = "nomad" } })
    assert.matches("\nnomad +works ", result.stdout)
  end)

  it("says which caller it does not know", function()
    for list, told in pairs {
      ["provisoner"] = 'no caller is called "provisoner" (did you mean provisioner?)',
      ["kubelet,zebra"] = 'no caller is called "zebra"',
      ["kubelet,"] = 'no caller is called ""',
      [","] = 'no caller is called ""',
    } do
      assert.same({ code = 2, stdout = "", stderr = "luacsi check: --for: " .. told .. "\n" },
        check(script(), { "--for=" .. list }))
    end
    assert.same({ code = 2, stdout = "",
      stderr = 'luacsi check: --for-timeout: expected a duration such as 300ms, 5s or 1m30s, got "soon"\n' },
      check(script(), { "--for=all", "--for-timeout=soon" }))
    assert.same({ code = 2, stdout = "", stderr = "luacsi check: --for-timeout: expected more than 0\n" },
      check(script(), { "--for=all", "--for-timeout=0" }))
  end)

  -- ThreadSanitizer holds signals back until a call that it knows, and waiting in gRPC core is none.
  if not host.HAS_TSAN then
    it("leaves nothing behind when it is stopped", function()
      local folder = host.folder()
      assert(require("luv").fs_mkdir(folder .. "/tmp", 448))
      process.write_file(folder .. "/a.lua", script "Probe = { ready = false }")
      for _, signal in ipairs { "sigint", "sigterm" } do
        local child = host.start({ "check", "--for=attacher", "a.lua" }, { cwd = folder,
          env = { TMPDIR = folder .. "/tmp" } })
        local socket
        assert(wait.for_(function()
          socket = host.files_in(folder .. "/tmp")[1]
          socket = socket and "unix://" .. folder .. "/tmp/" .. socket .. "/csi.sock"
          return socket and host.listens(socket)
        end))
        child:signal(signal)
        assert.is_true(child:wait() > 128)
        child.done = true
        assert.same({}, host.files_in(folder .. "/tmp"))
      end
    end)
  end

  it("says when it has nowhere to serve", function()
    local folder = host.folder()
    process.write_file(folder .. "/a.lua", script())
    for tmp, told in pairs {
      ["/nowhere"] = "cannot make a directory in /nowhere: No such file or directory",
      ["/" .. ("x"):rep(100)] = "TMPDIR is too long for a socket: /" .. ("x"):rep(100),
    } do
      assert.same({ code = 1, stderr = "",
        stdout = "a.lua: error: " .. told .. "\na.lua: 1 error, 0 warnings\n" },
        host.run({ "check", "--for=all", "a.lua" }, { cwd = folder, env = { TMPDIR = tmp } }))
    end
  end)
end)
