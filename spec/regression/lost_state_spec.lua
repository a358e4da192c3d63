-- A handler that is stuck inside one C function costs its thread and its Lua state. What else was going on in
-- that state must end, too: its background work once ran on, in a state that another thread was in; and the
-- process died when the stuck handler belonged to a script that had been replaced meanwhile.

local host = require "spec.support.host"
local wait = require "spec.support.wait"

local STUCK = [[
  local function get_stuck()
    string.find(("a"):rep(3000), ("a-"):rep(6) .. "b")
  end
]]

-- handlers: Lua text of a table's inside. The time that a handler may compute is short: so is the spec. The
-- script is not watched: a hint that is none would run it once more than is counted here.
local function serve(text, handlers)
  local script = ([[
    local csi = require "csi"
    %s
    %s
    return { %s, GetPluginInfo = { name = "lost.csi.example.com", vendor_version = "1" } }
  ]]):format(STUCK, text, handlers)
  local server = host.serve {
    script = script, flags = { "--handler-cpu", "50ms", "--validate", "off", "--no-watch" },
  }
  return server, server:connect()
end

describe("a state that is given up", function()
  after_each(host.teardown)

  it("runs no background work any more", function()
    local _, connection = serve([[
      local me = "n" .. csi.store.incr("states")
      csi.every(0.001, function() csi.store.incr(me) end)
    ]], [[
      DeleteVolume = get_stuck,
      CreateVolume = function()
        return { volume = { volume_id = csi.json.encode { csi.store.get("n1"), csi.store.get("n2") } } }
      end
    ]])
    local function look()
      local text = connection:call("CreateVolume", { name = "x" }).volume.volume_id
      local first, second = text:match("^%[(%d+),?(%d*)%]$")
      return tonumber(first), tonumber(second) or 0
    end
    assert(wait.for_(function() return look() end))
    assert.same({ nil, "DEADLINE_EXCEEDED", "the handler is stuck and was given up" },
      { connection:call("DeleteVolume", { volume_id = "x" }) })
    assert(wait.for_(function() return select(2, look()) > 0 end))
    local before = look()
    assert(wait.for_(function() return select(2, look()) > 20 end))
    assert.equal(before, look())
  end)

  it("may be that of background work", function()
    local server, connection = serve([[
      if csi.store.incr("states") == 1 then
        csi.every(0.001, get_stuck)
      end
    ]], "Probe = function() return { ready = csi.store.get('states') == 2 } end")
    server:wait_log "its state is given up"
    assert(wait.for_(function() return connection:call("Probe").ready end))
  end)

  it("may be that of a script that was replaced", function()
    local server, connection = serve("", [[
      DeleteVolume = function()
        csi.log.info("waiting")
        while not csi.store.get("go") do csi.sleep(0.001) end
        get_stuck()
      end,
      DeleteSnapshot = function()
        csi.store.set("go", true)
        return {}
      end
    ]])
    local call = host.start { "call", "DeleteVolume", "--endpoint", server.endpoint }
    server:wait_log '"waiting"'
    server:signal "sighup"
    server:wait_log '"Script reloaded"'
    assert.same({}, (connection:call("DeleteSnapshot")))
    assert.equal(1, call:wait())
    assert.equal("DEADLINE_EXCEEDED: the handler is stuck and was given up\n", call:stderr())
    call.done = true
    assert.same({ ready = true }, (connection:call("Probe")))
  end)
end)
