-- luacsi.testing.start: a double in a process of its own, which must end cleanly; and what it answers is what
-- luacsi.testing.load answers.

local command = require "spec.support.command"
local folder = require "spec.support.folder"
local luacsi = require "luacsi"
local host = require "spec.support.host"
local testing = require "luacsi.testing"
local uv = require "luv"

local INFO = 'GetPluginInfo = { name = "start.example.com", vendor_version = "1" }'

local function start(text, options)
  local all = { text = 'local csi = require "csi"\n' .. text }
  for key, value in pairs(options or {}) do
    all[key] = value
  end
  return testing.start(all)
end

describe("testing.start", function()
  after_each(testing.teardown)
  after_each(host.teardown)
  after_each(folder.remove_all)

  it("serves a file, a text, or a table of constants", function()
    assert.equal("hello.csi.example.com", testing.start("examples/hello.lua"):call("GetPluginInfo").name)
    assert.equal("start.example.com", start("return { " .. INFO .. " }"):call("GetPluginInfo").name)
    local handlers = {
      GetPluginInfo = { name = "a.example.com", vendor_version = '"1"\n', manifest = { ["a b"] = "c" } },
      NodeGetInfo = { node_id = "n", max_volumes_per_node = 5 },
      GetPluginCapabilities = { capabilities = { { service = { type = "CONTROLLER_SERVICE" } } } },
    }
    local driver = testing.start { handlers = handlers }
    for _, method in ipairs { "GetPluginInfo", "GetPluginCapabilities" } do
      assert.same(handlers[method], driver:call(method))
    end
    assert.equal(5, driver:call("NodeGetInfo").max_volumes_per_node)
  end)

  it("passes settings, variables and flags", function()
    local driver = start([[return { NodeGetInfo = function()
      return { node_id = csi.config.nodeid .. csi.config.a .. csi.env("SEEN") .. tostring(csi.config.c) }
    end }]], {
      config = { a = "1,b=2", b = "3" }, nodeid = "n", env = { SEEN = "s" }, flags = { "--allow-env=SEEN" },
    })
    assert.equal("n1,b=2snil", driver:call("NodeGetInfo").node_id)
  end)

  it("keeps the variables of luacsi and of drivers away", function()
    uv.os_setenv("LUACSI_SET", "leaked=yes")
    finally(function() uv.os_unsetenv "LUACSI_SET" end)
    local driver = start "return { NodeGetInfo = { node_id = tostring(csi.config.leaked) } }"
    assert.equal("nil", driver:call("NodeGetInfo").node_id)
  end)

  it("runs several at once, with more clients, and removes all at the end", function()
    local one, two = start "return {}", start "return {}"
    assert.is_true(one.endpoint ~= two.endpoint)
    assert.same({ ready = true }, one:connect():call("Probe"))
    assert.same({ ready = true }, two:call("Probe"))
    testing.teardown()
    for _, driver in ipairs { one, two } do
      assert.equal(0, driver.exit_code)
      assert.is_nil(uv.fs_stat(driver.folder))
      assert.is_nil(uv.fs_stat(driver.run))
    end
    one:stop() -- a second time does nothing
  end)

  it("says why it does not serve, and leaves nothing", function()
    local tmp, before = host.folder(), os.getenv "TMPDIR"
    uv.os_setenv("TMPDIR", tmp)
    finally(function()
      if before then uv.os_setenv("TMPDIR", before) else uv.os_unsetenv "TMPDIR" end
    end)
    assert.error_matches(function() start "return { Prob = {} }" end, "did you mean Probe?", 1, true)
    assert.error_matches(function() start("return {}", { flags = { "--none" } }) end, "unknown flag %-%-none")
    assert.error_matches(function() testing.start "/none.lua" end, "No such file or directory")
    assert.error_matches(function() start("return {}", { program = "/none/luacsi" }) end,
      "/none/luacsi: No such file or directory")
    assert.same({}, host.files_in(tmp))
  end)

  it("refuses what cannot go into another process, and options that make no sense", function()
    assert.error_matches(function()
      testing.start { handlers = { GetPluginInfo = { name = print } } }
    end, "handlers.GetPluginInfo.name is a function, which cannot go into another process: give file or")
    assert.error_matches(function() testing.start { handlers = { Probe = print } } end, "handlers.Probe is")
    assert.error_matches(function() testing.start {} end, "expected one of file, text and handlers")
    assert.error_matches(function() testing.start { text = "", files = {} } end, "unknown option files")
    assert.error_matches(function() testing.start() end, "expected the path of a script or a table")
  end)

  local function fault(driver)
    local ok, message = pcall(driver.stop, driver)
    assert.is_false(ok)
    return message
  end

  it("finds a client that is still connected", function()
    local driver = start "return {}"
    driver.limit = 0.1
    local stranger <close> = assert(luacsi.connect(driver.endpoint))
    assert(stranger:call("Probe"))
    assert.matches("sockets open that were not at the start: 1;", fault(driver))
  end)

  it("tells a client that is still connected from the driver behind", function()
    local real = start 'return { NodeGetInfo = { node_id = "real" } }'
    local front = start("return {}", { flags = { "--upstream", real.endpoint } })
    front.limit = 0.1
    assert.equal("real", front:call("NodeGetInfo").node_id)
    local stranger <close> = assert(luacsi.connect(front.endpoint))
    assert(stranger:call("NodeGetInfo"))
    assert.matches("sockets open that were not at the start: 1;", fault(front))
    local other = start("return {}", { flags = { "--upstream", real.endpoint } })
    assert.equal("real", other:call("NodeGetInfo").node_id)
    testing.teardown()
    assert.same({ 0, 0 }, { other.exit_code, real.exit_code })
  end)

  it("finds a double that ended before the test", function()
    local driver = start "return {}"
    driver.child:signal "KILL"
    assert.equal(137, driver.child:wait(30))
    assert.matches("it ended before the test did, with exit code 137", fault(driver))
  end)

  it("finds what lies beside the socket", function()
    local driver = start "return {}"
    assert(io.open(driver.run .. "/left", "w")):close()
    assert.matches("left something beside its socket", fault(driver))
    assert(os.remove(driver.run .. "/left"))
    assert(os.remove(driver.run))
  end)

  it("finds calls whose handlers still wait", function()
    local driver = start("return { Probe = function() csi.sleep(4) end }", { flags = { "--grace=10ms" } })
    driver.limit = 0.1
    local caller = host.start { "call", "Probe", "--endpoint", driver.endpoint }
    assert(testing.eventually(function()
      return driver:call("luacsi.v1.Host/GetStatus").calls_in_flight == 2 -- with this one
    end))
    assert.matches("1 call still runs or waits", fault(driver))
    caller:signal "sigkill"
    caller:wait()
    caller.done = true
  end)

  it("ends with the process that started it", function()
    local text = [[
      driver = require("luacsi.testing").start { text = "return {}" }
      io.write(driver.socket)
      os.exit(true, false) -- nothing is collected
    ]]
    local env = { LUACSI = os.getenv "LUACSI" or "build/luacsi", TMPDIR = folder.make() }
    local socket = command.output({ "lua5.4", "-e", text }, { env = env })
    assert(testing.eventually(function() return not uv.fs_stat(socket) end))
  end)
end)

describe("a loaded script and a started one", function()
  after_each(testing.teardown)

  -- Asserts that both answer a call in the same way.
  local function alike(loaded, started, ...)
    local function call(driver, ...)
      local reply, code, message = driver:call(...)
      -- the one difference: where the script's text is from
      return { reply, code, message and message:gsub("script failed: .-:(%d+)", "script failed: FILE:%1") }
    end
    local a, b = call(loaded, ...), call(started, ...)
    assert.same(b, a)
  end

  it("answer alike", function()
    local text = [[
      local csi = require "csi"
      local fault = require "csi.fault"
      local calls = 0
      return {
        GetPluginInfo = { name = "same.example.com", vendor_version = "1", manifest = { a = "b" } },
        Probe = csi.coalesce(function() csi.sleep(0.001) return nil, "ABORTED", "not now" end),
        GetCapacity = function(request)
          calls = csi.store.incr "calls"
          return { available_capacity = calls, maximum_volume_size = 0 }
        end,
        CreateVolume = function(request, context)
          local kind = request.parameters.kind
          if kind == "fail" then csi.fail("OUT_OF_RANGE", request.name)
          elseif kind == "error" then error(request.name)
          elseif kind == "number" then return 1
          elseif kind == "typo" then return { volume = { volume_id = "v", volum = 1 } }
          elseif kind == "rule" then return { volume = { volume_id = "" } }
          elseif kind == "pass" then return csi.pass
          elseif kind == "unchecked" then return fault.unchecked { volume = {} }
          elseif kind == "raw" then return fault.raw "\\x0a\\x00"
          elseif kind == "faulty" then return fault.fail(6, "there")
          elseif kind == "other" then return csi.reply("Probe", {})
          elseif kind == "json" then return { volume = { volume_id = csi.json.encode(request) } }
          elseif kind == "metadata" then return { volume = { volume_id = context.metadata["x-y"] } }
          elseif kind == "co" then
            local each = coroutine.wrap(function()
              csi.sleep(0) coroutine.yield("a") csi.sleep(0) return "b"
            end)
            return { volume = { volume_id = each() .. each() } }
          elseif kind == "misuse" then csi.sleep("1")
          elseif kind == "sort" then table.sort({ 2, 1 }, function() csi.sleep(0) end)
          end
        end,
        GetSnapshot = fault.sequence { fault.times(2, fault.fail("ABORTED", "a")), function()
          return nil, "NOT_FOUND", "b"
        end, fault.pass },
        ControllerGetVolume = function() return { status = {} } end,
      }
    ]]
    local loaded, started = testing.load { text = text }, testing.start { text = text }
    local function both(...)
      alike(loaded, started, ...)
    end
    for _, method in ipairs { "GetPluginInfo", "Probe", "Probe", "GetCapacity", "GetCapacity",
      "GetSnapshot", "GetSnapshot", "GetSnapshot", "GetSnapshot", "ListVolumes", "ControllerGetVolume",
      "NodeGetCapabilities", "GetMetadataAllocated" } do
      both(method)
    end
    for _, kind in ipairs { "fail", "error", "number", "typo", "rule", "other", "json", "metadata", "co",
      "misuse", "sort", "nothing", "pass", "unchecked", "raw", "faulty" } do
      local request = { name = "n", parameters = { kind = kind }, capacity_range = { required_bytes = 1 } }
      both("CreateVolume", request, { metadata = { ["x-y"] = "z" } })
    end
  end)

  it("answer alike in front of a driver", function()
    local real = { validate = "off", nodeid = "n", text = [[
      return {
        GetPluginInfo = { name = "breaks a rule" },
        CreateVolume = function(request)
          if request.name == "busy" then return nil, "ABORTED", "busy" end
          return { volume = { volume_id = request.name } }
        end,
      }
    ]] }
    local text = [[
      local csi = require "csi"
      return {
        Probe = csi.pass,
        NodeGetInfo = function() return csi.pass end,
        CreateVolume = function(request, context)
          local kind = request.parameters.kind
          if kind == "same" then request.name = "not sent" return context.upstream()
          elseif kind == "changed" then request.name = "other" return context.upstream(request)
          elseif kind == "rule" then request.name = "" return context.upstream(request)
          elseif kind == "misuse" then context.upstream "x"
          elseif kind == "typo" then context.upstream { nmae = "x" }
          elseif kind == "type" then context.upstream { name = 1 }
          elseif kind == "sort" then table.sort({ 2, 1 }, function() context.upstream() end)
          end
        end,
      }
    ]]
    local behind = testing.load(real)
    local loaded = testing.load { text = text, upstream = function(...) return behind:call(...) end }
    local started = testing.start { text = text, flags = { "--upstream", testing.start(real).endpoint } }
    for _, method in ipairs { "GetPluginInfo", "GetPluginCapabilities", "Probe", "NodeGetInfo",
      "DeleteVolume" } do
      alike(loaded, started, method)
    end
    for _, kind in ipairs { "same", "changed", "rule", "misuse", "typo", "type", "sort" } do
      for _, name in ipairs { "n", "busy" } do
        alike(loaded, started, "CreateVolume", { name = name, parameters = { kind = kind } })
      end
    end
  end)
end)

describe("assert.reply", function()
  local script = testing.load { text = [[
    local csi = require "csi"
    return {
      GetPluginInfo = { name = "a.example.com", vendor_version = "1" },
      Probe = function() csi.fail("ABORTED", "not now") end,
    }
  ]] }

  it("has.status and has.fields", function()
    assert.reply(script:call("Probe")).has.status "ABORTED"
    assert.reply(script:call("Probe")).has.status("ABORTED", "not now")
    assert.reply(script:call("Probe")).has_not.status "OK"
    assert.reply(script:call("GetPluginInfo")).has.status "OK"
    assert.reply(script:call("GetPluginInfo")).has.fields { name = "a.example.com" }
    assert.reply(script:call("GetPluginInfo")).has_not.fields { name = "b.example.com" }
  end)

  it("say what came instead", function()
    assert.error_matches(function() assert.reply(script:call("Probe")).has.status "OK" end,
      "Expected the status\nOK\nbut the call ended in\nABORTED: not now", 1, true)
    assert.error_matches(function() assert.reply(script:call("Probe")).has.status("ABORTED", "later") end,
      "ABORTED: later", 1, true)
    assert.error_matches(function() assert.reply(script:call("Probe")).has.fields {} end, "ABORTED")
    assert.error_matches(function()
      assert.reply(script:call("GetPluginInfo")).has.fields { name = "b" }
    end, "a.example.com")
    assert.error_matches(function() assert.has.status "OK" end, "must be chained after 'reply")
    assert.error_matches(function() assert.reply({}).has.status(5) end, "expected the name of a gRPC status")
  end)
end)

for _, way in ipairs { "load", "start" } do
  describe("what was asked of a driver that was " .. way .. "ed", function()
    local driver

    before_each(function()
      driver = testing[way] { text = [[
        local csi = require "csi"
        return {
          CreateVolume = function(request)
            if request.name == "bad" then csi.fail("ABORTED", "no") end
            return { volume = { volume_id = request.name } }
          end,
        }
      ]] }
      driver:call("CreateVolume", { name = "a", parameters = { k = "v" }, secrets = { p = "w" } },
        { metadata = { key = "v" } })
      driver:call("CreateVolume", { name = "bad" })
      driver:call("DeleteVolume", { volume_id = "a" })
    end)
    after_each(testing.teardown)

    it("is listed, and counted", function()
      local calls = driver:calls()
      assert.same({ "CreateVolume", "CreateVolume", "DeleteVolume" },
        { calls[1].method, calls[2].method, calls[3].method })
      assert.same({ "OK", "ABORTED", "UNIMPLEMENTED" }, { calls[1].code, calls[2].code, calls[3].code })
      assert.same({ "a", { k = "v" }, "v" },
        { calls[1].request.name, calls[1].request.parameters, calls[1].metadata.key })
      assert.equal("a", calls[1].reply.volume.volume_id)
      assert.equal("no", calls[2].message)
      assert.equal(1, #driver:calls { code = "ABORTED" })
      assert.equal(1, #driver:calls { method = "CreateVolume", request = { parameters = { k = "v" } } })
      assert.same({ 3, 2, 0 }, {
        driver:count(), driver:count { method = "CreateVolume" }, driver:count { request = { name = "c" } },
      })
    end)

    it("can be asserted", function()
      assert.called("CreateVolume").times(2).at_least(1).at_most(2).with({ name = "a" }).times(1)
      assert.called("DeleteVolume", driver)
      assert.not_called "Probe"
      for text, act in pairs {
        ["Expected CreateVolume to be called 3 time(s); it was called 2 time(s). The last calls were:\n"
          .. '  CreateVolume {'] = function() assert.called("CreateVolume").times(3) end,
        ["Expected Probe to be called at least once; it was called 0"] = function() assert.called "Probe" end,
        ["Expected CreateVolume to be called never; it was called 2"] = function()
          assert.not_called "CreateVolume"
        end,
        ['Expected CreateVolume with {"name":"c"} to be called at least once'] = function()
          assert.called("CreateVolume").with { name = "c" }
        end,
        ["to be called at most 1"] = function() assert.called("CreateVolume").at_most(1) end,
        ["to be called at least 3"] = function() assert.called("CreateVolume").at_least(3) end,
        ["expected the name of a CSI method, got Prob"] = function() assert.called "Prob" end,
      } do
        assert.error_matches(act, text, 1, true)
      end
    end)

    it("leaves assertions about spies alone", function()
      local f = spy.new(function() end)
      assert.spy(f).was_not.called()
      f()
      assert.spy(f).was.called(1)
      assert.error_matches(function() assert.spy(f).was.called(2) end, "called 2 time%(s%), but was called 1")
      assert.error_matches(function() assert.called() end, "expected the name of a CSI method, got nil")
    end)
  end)
end

describe("a double that was started", function()
  after_each(testing.teardown)

  it("is waited for, changed, and its clock is advanced", function()
    local driver = testing.start { clock = "virtual", seed = 1, text = [[
      local csi = require "csi"
      return {
        GetPluginInfo = { name = csi.config.name or "a.example.com", vendor_version = "1" },
        Probe = function() csi.sleep(3600) return { ready = true } end,
      }
    ]] }
    assert.is_nil(driver:wait_for({ method = "Probe" }, 1, 0.01))
    local caller = host.start { "call", "Probe", "--endpoint", driver.endpoint }
    assert(testing.eventually(function()
      return driver:call("luacsi.v1.Host/GetStatus").suspended_tasks == 1
    end))
    driver:advance(3600)
    assert.equal("OK", driver:wait_for({ method = "Probe" })[1].code)
    assert.equal(0, caller:wait())
    driver:set("name", "b.example.com")
    assert.equal("b.example.com", driver:call("GetPluginInfo").name)
    assert.error_matches(function() driver:load "return { Prob = {} }" end, "did you mean Probe", 1, true)
    driver:load "return { GetPluginInfo = { name = 'c.example.com', vendor_version = '2' } }"
    assert.equal("c.example.com", driver:call("GetPluginInfo").name)
    assert.called("GetPluginInfo").times(2)
    driver:reset()
    assert.not_called "GetPluginInfo"
    host.teardown()
  end)
end)

describe("assert.called", function()
  it("wants a driver", function()
    testing.teardown()
    assert.error_matches(function() assert.called "Probe" end, "no driver was started or loaded")
  end)
end)
