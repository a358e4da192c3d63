-- csi.store: what it keeps, for how long, and what happens to its file.

local uv = require "luv"
local host = require "spec.support.host"
local process = require "spec.support.process"
local wait = require "spec.support.wait"

-- A script whose Probe runs the body: an error in it is the call's; without a return it is ready.
local function script_of(body)
  return [[
    local csi = require "csi"
    local store = csi.store
    local function body() ]] .. body .. [[ end
    return {
      GetPluginInfo = { name = "store.example.com", vendor_version = "1" },
      Probe = function()
        return body() or { ready = true }
      end,
    }
  ]]
end

local function serve(body, flags)
  return host.serve { script = script_of(body), flags = flags }
end

local function assert_ready(connection)
  assert.same({ ready = true }, { ready = assert(connection:call("Probe")).ready })
end

local function assert_body(body)
  assert_ready(serve(body):connect())
end

describe("csi.store", function()
  after_each(host.teardown)

  it("keeps booleans, integers, floats and strings as they are", function()
    assert_body [[
      local long = ("x"):rep(64 * 1024)
      for _, value in ipairs { true, false, 0, -1, math.maxinteger, math.mininteger, 1.0, 0.1, -1e300,
          "", "text", "\0\255\n", ("y"):rep(257), long } do
        store.set("key", value)
        local kept = store.get("key")
        assert(kept == value and math.type(kept) == math.type(value), tostring(value))
      end
    ]]
  end)

  it("knows nothing of a key that was not set, or was deleted", function()
    assert_body [[
      assert(store.get("key") == nil)
      store.set("key", 1)
      store.set("key", nil)
      assert(store.get("key") == nil and #store.keys() == 0)
      store.set("key", nil)
    ]]
  end)

  it("counts with incr, from 0", function()
    assert_body [[
      assert(store.incr("n") == 1)
      assert(store.incr("n", 10) == 11)
      assert(store.incr("n", -12) == -1)
      assert(store.get("n") == -1)
    ]]
  end)

  it("counts nothing but integers of 64 bits", function()
    assert_body [[
      store.set("text", "1")
      store.set("float", 1.0)
      store.set("large", math.maxinteger)
      for key, text in pairs {
        text = "csi.store.incr: text: expected an integer, got a string",
        float = "csi.store.incr: float: expected an integer, got a float",
        large = "make no 64-bit integer",
      } do
        local good, message = pcall(store.incr, key)
        assert(not good and message:find(text, 1, true), message)
      end
      assert(store.get("large") == math.maxinteger)
    ]]
  end)

  it("swaps a value only for the one that is expected", function()
    assert_body [[
      assert(store.cas("lock", nil, "me"))
      assert(not store.cas("lock", nil, "you"))
      assert(not store.cas("lock", "you", "me"))
      assert(store.get("lock") == "me")
      assert(store.cas("lock", "me", nil))
      assert(store.get("lock") == nil)
      store.set("n", 1)
      assert(not store.cas("n", 1.0, 2))
      assert(store.cas("n", 1, 2))
    ]]
  end)

  it("lists keys in order, by their beginning", function()
    assert_body [[
      for _, key in ipairs { "b", "a/2", "a", "a/1", "é" } do
        store.set(key, true)
      end
      assert(table.concat(store.keys(), " ") == "a a/1 a/2 b é")
      assert(table.concat(store.keys("a/"), " ") == "a/1 a/2")
      assert(#store.keys("c") == 0)
      assert(csi.json.encode(store.keys("c")) == "[]")
    ]]
  end)

  it("forgets a key when its time to live is over; incr and cas let it run on, set ends it", function()
    local connection = serve([[
      if store.get("begun") then
        local left = table.concat(store.keys(), " ")
        return { ready = left == "begun kept" }
      end
      store.set("begun", true)
      store.set("plain", 1, { ttl = 0.05 })
      store.set("counted", 1, { ttl = 0.05 })
      store.set("swapped", 1, { ttl = 0.05 })
      store.set("kept", 1, { ttl = 0.05 })
      store.incr("counted")
      store.cas("swapped", 1, 2)
      store.set("kept", 2)
    ]]):connect()
    assert_ready(connection)
    assert.is_true(wait.for_(function() return connection:call("Probe").ready end))
  end)

  it("says what is wrong with an argument", function()
    assert_body [[
      local function refuses(text, f, ...)
        local good, message = pcall(f, ...)
        assert(not good and tostring(message):find(text, 1, true), tostring(message))
      end
      refuses("expected a key of 1 to 256 bytes, got 0", store.get, "")
      refuses("expected a key of 1 to 256 bytes, got 257", store.get, ("k"):rep(257))
      refuses("expected a key in UTF-8", store.set, "\255", 1)
      refuses("string expected, got number", store.get, 1)
      refuses("expected a string of at most 65536 bytes, got 65537", store.set, "k", ("x"):rep(65537))
      refuses("expected a finite number", store.set, "k", 0/0)
      refuses("expected a finite number", store.cas, "k", nil, 1/0)
      refuses("nil, boolean, number or string expected, got table", store.set, "k", {})
      refuses("value expected", store.set, "k")
      refuses("ttl: expected seconds", store.set, "k", 1, { ttl = 0 })
      refuses("ttl: expected seconds", store.set, "k", 1, { ttl = "5" })
      refuses("expected no other field than ttl", store.set, "k", 1, { tll = 5 })
      refuses("integer expected, got string", store.incr, "k", "1")
      refuses("integer expected, got number", store.incr, "k", 1.5)
      assert(#store.keys() == 0)
    ]]
  end)

  it("ends the call in RESOURCE_EXHAUSTED when it is full, and keeps what it has", function()
    local connection = serve([[
      if store.get("full") then
        store.set("1", "small again")
        return { ready = store.get("2") == ("x"):rep(65536) }
      end
      store.set("full", true)
      for i = 1, 1000 do
        store.set(tostring(i), ("x"):rep(65536))
      end
    ]], { "--handler-cpu=60s", "--handler-timeout=60s" }):connect()
    local reply, code, message = connection:call("Probe")
    assert.is_nil(reply)
    assert.equal("RESOURCE_EXHAUSTED", code)
    assert.matches("csi.store.set: the store is full: expected at most 16777216 bytes", message, 1, true)
    assert_ready(connection)
  end)

  it("is empty at the start of each script that is checked", function()
    local file = host.folder() .. "/script.lua"
    process.write_file(file, script_of 'assert(store.incr("n") == 1)')
    local result = host.run { "check", file, file }
    assert.same({ code = 0, stdout = (file .. ": ok\n"):rep(2), stderr = "" }, result)
  end)
end)

describe("--state", function()
  local dir, file

  before_each(function()
    dir = host.folder()
    file = dir .. "/state.json"
  end)

  after_each(host.teardown)

  local function serve_state(body, ...)
    return serve(body, { "--state", file, ... })
  end

  local function saved(text)
    return wait.for_(function()
      return uv.fs_stat(file) and process.read_file(file):find(text, 1, true)
    end)
  end

  it("keeps every value over a restart, in a file for its owner alone", function()
    local body = [[
      local values = { yes = true, no = false, int = math.mininteger, float = 1.0, tenth = 0.1,
        empty = "", text = "ä\0\n\"", bytes = "\0\255", ["ключ"] = "value" }
      local known = store.get("yes") ~= nil
      for key, value in pairs(values) do
        if known then
          local kept = store.get(key)
          assert(kept == value and math.type(kept) == math.type(value), key)
        else
          store.set(key, value)
        end
      end
      return { ready = known }
    ]]
    local first = serve_state(body)
    assert.is_false(first:connect():call("Probe").ready)
    first:stop()
    assert.same({ "state.json" }, host.files_in(dir))
    assert.equal(tonumber("600", 8), uv.fs_stat(file).mode % 512)
    assert_ready(serve_state(body):connect())
  end)

  it("writes soon after a change, so that even a kill loses little", function()
    local body = 'return { ready = store.incr("n") == 2 }'
    local first = serve_state(body)
    assert.is_false(first:connect():call("Probe").ready)
    assert(saved '"value":1')
    first:signal("sigkill")
    assert.equal(137, first.process:wait())
    first.process.done = true
    assert_ready(serve_state(body):connect())
  end)

  it("lets the time to live run on while nobody serves", function()
    local body = [[
      if not store.get("begun") then
        store.set("begun", true)
        store.set("short", 1, { ttl = 0.01 })
        store.set("long", 1, { ttl = 1000 })
      end
      return { ready = store.get("short") == nil and store.get("long") == 1 }
    ]]
    local first = serve_state(body)
    first:connect():call("Probe")
    first:stop()
    assert_ready(serve_state(body):connect())
    local expires = tonumber(process.read_file(file):match('"key":"long","value":1,"expires":([%d.]+)'))
    assert(math.abs(expires - os.time() - 1000) < 60, expires)
  end)

  it("refuses a file that is corrupt, and says where", function()
    local entries = '{"luacsi_store":1,"entries":[\n%s\n]}\n'
    for text, complaint in pairs {
      [""] = "line 1",
      [entries:format('{"key":"a","value":')] = "line 3",
      [entries:format('{"key":"a","value":1},\n{"key":"b","value":null}')] = "entry 2: value: expected",
      ['{"luacsi_store":2,"entries":[]}'] = 'expected an object with "luacsi_store": 1',
    } do
      process.write_file(file, text)
      local result = host.serve_refused { script = script_of "", flags = { "--state", file } }
      assert.equal(1, result.code)
      assert.matches(file .. ": " .. complaint, result.stderr, 1, true)
      assert.matches("--state-reset", result.stderr, 1, true)
      assert.equal(text, process.read_file(file))
    end
  end)

  it("begins with an empty store instead when --state-reset asks for it, and keeps the file", function()
    process.write_file(file, '{"luacsi_store":1,"entries":[{"key":"n","value":1},3]}')
    local server = serve_state('return { ready = store.incr("n") == 1 }', "--state-reset")
    assert_ready(server:connect())
    server:stop()
    assert.same({ "state.json", "state.json.corrupt" }, host.files_in(dir))
    assert.matches("State is corrupt", server:log(), 1, true)
    server = serve_state('return { ready = store.incr("n") == 2 }', "--state-reset")
    assert_ready(server:connect())
  end)

  it("goes on serving when the file cannot be written, says so once, and catches up", function()
    local server = serve_state('store.incr("n")')
    assert(saved "entries")
    assert(uv.fs_mkdir(file .. ".tmp", 448)) -- in the way of the new file
    local connection = server:connect()
    assert_ready(connection)
    server:wait_log("State is not saved")
    assert_ready(connection)
    assert(uv.fs_rmdir(file .. ".tmp"))
    server:wait_log("State is saved again")
    assert(saved '"value":2')
    assert.equal(1, select(2, server:log():gsub("State is not saved", "")))
  end)

  it("is not kept beside the socket", function()
    local path = dir .. "/csi.sock"
    local result = host.serve_refused { script = script_of "", socket = path, flags = { "--state", file } }
    assert.equal(1, result.code)
    assert.matches("CSI allows no other file there", result.stderr, 1, true)
    assert.same({}, host.files_in(dir))
  end)

  it("wants a folder that is there", function()
    local result = host.serve_refused { script = script_of "", flags = { "--state", dir .. "/no/state" } }
    assert.equal(1, result.code)
    assert.matches("no file can be written in " .. dir .. "/no: No such file or directory", result.stderr,
      1, true)
  end)
end)
