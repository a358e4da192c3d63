-- Connections on which something else comes than whole calls: clients that go, resets, pings, nothing at all.
-- After each, the server answers others and ends cleanly. What is against the rules is in malformed_spec.lua.

local http2 = require "spec.support.http2"
local wire = require "spec.support.wire"

local INFO, PROBE = wire.INFO, wire.PROBE
local OK = 0

local assert_status = wire.assert_status
local server

local function setup()
  server = wire.serve()
end

local function teardown()
  wire.teardown(server)
end

-- Each of these is done on ten connections, and goes on with nobody there who would read.
describe("a client that goes", function()
  before_each(setup)
  after_each(teardown)

  local headers = http2.request_headers(PROBE)
  local stages = {
    ["before it says a word"] = function() end,
    ["within the preface"] = function(connection)
      connection:write(http2.PREFACE:sub(1, 10))
    end,
    ["after the preface"] = function(connection)
      connection:write(http2.PREFACE)
    end,
    ["within the header of a frame"] = function(connection)
      connection:write(http2.PREFACE .. "\0\0")
    end,
    ["within its headers"] = function(connection)
      connection:shake_hands()
      connection:write(string.pack(">I3BBI4", 100, http2.TYPE.HEADERS, http2.FLAG.END_HEADERS, 1) .. "\x82")
    end,
    ["after its headers"] = function(connection)
      connection:shake_hands()
      connection:headers(1, headers)
    end,
    ["within its message"] = function(connection)
      connection:shake_hands()
      connection:headers(1, headers)
      connection:data(1, "\0\0\0\0\8abc")
    end,
    ["after a message that has not ended"] = function(connection)
      connection:shake_hands()
      connection:headers(1, headers)
      connection:data(1, http2.message(""))
    end,
    ["while the handler runs"] = function(connection)
      connection:shake_hands()
      connection:headers(1, headers)
      connection:data(1, http2.message(""), true)
    end,
    ["with many calls under way"] = function(connection)
      connection:shake_hands()
      for stream = 1, 39, 2 do
        connection:headers(stream, http2.request_headers(INFO))
        connection:data(stream, http2.message(""), true)
      end
    end,
  }
  for stage, act in pairs(stages) do
    it(stage, function()
      for _ = 1, 10 do
        local connection = http2.connect(server.socket)
        act(connection)
        connection:close()
      end
    end)
  end
end)

describe("a connection", function()
  local connection

  before_each(function()
    setup()
    connection = http2.start(server.socket)
  end)

  after_each(function()
    connection:close()
    teardown()
  end)

  it("goes on after calls that were reset", function()
    for stream = 1, 399, 4 do
      connection:headers(stream, http2.request_headers(INFO))
      connection:reset(stream)
      connection:headers(stream + 2, http2.request_headers(INFO))
      connection:data(stream + 2, http2.message(""), true)
      connection:reset(stream + 2)
    end
    assert_status(OK, "", connection:call(401, INFO, ""))
  end)

  it("goes on after a call that was reset while its handler ran", function()
    connection:headers(1, http2.request_headers(PROBE))
    connection:data(1, http2.message(""), true)
    connection:reset(1)
    assert_status(OK, "", connection:call(3, INFO, ""))
  end)

  it("answers pings", function()
    for i = 1, 2 do
      connection:frame("PING", 0, 0, ("ping...%d"):format(i))
    end
    local answered = {}
    repeat
      local frame = assert(connection:read_frame())
      if frame.type == "PING" then
        answered[#answered + 1] = frame.payload
      end
    until #answered == 2
    assert.same({ "ping...1", "ping...2" }, answered)
    assert_status(OK, "", connection:call(1, INFO, ""))
  end)

  it("still gets its answers after the client's GOAWAY", function()
    connection:headers(1, http2.request_headers(PROBE))
    connection:data(1, http2.message(""), true)
    connection:frame("GOAWAY", 0, 0, string.pack(">I4I4", 0, 0))
    assert_status(OK, "", assert(connection:answer(1)))
  end)

  it("is told that at most 100 calls go at once", function()
    local settings = {}
    repeat
      local frame = assert(connection:read_frame())
      for at = 1, frame.type == "SETTINGS" and #frame.payload or 0, 6 do
        local key, value = string.unpack(">I2I4", frame.payload, at)
        settings[key] = value
      end
    until frame.type == "SETTINGS"
    assert.equal(100, settings[3]) -- SETTINGS_MAX_CONCURRENT_STREAMS
  end)
end)

describe("a connection on which nothing is said", function()
  before_each(setup)
  after_each(teardown)

  it("does not hold up others", function()
    local silent = {}
    for i = 1, 50 do
      silent[i] = http2.connect(server.socket)
    end
    wire.assert_answers(server)
    for _, connection in ipairs(silent) do
      connection:close()
    end
  end)
end)
