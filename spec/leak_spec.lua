-- Memory and file descriptors of a server stay where they are, whatever it is called with. Instrumented
-- binaries find leaks by themselves when they end, and keep freed memory: fewer calls, no look at the
-- memory there.

local host = require "spec.support.host"
local http2 = require "spec.support.http2"
local luacsi = require "luacsi"
local process = require "spec.support.process"
local usage = require "spec.support.usage"
local wait = require "spec.support.wait"

local INSTRUMENTED = os.getenv("LUACSI_WRAPPER")
  or process.read_file(os.getenv("LUACSI") or "build/luacsi"):find("__[at]san_init")
local WARM_UP = INSTRUMENTED and 200 or 2000
local CALLS = INSTRUMENTED and 1000 or 20000
local TOLERANCE_KB = 1024

local SCRIPT = [[
  local csi = require "csi"
  return {
    GetPluginInfo = { name = "leak.example.com", vendor_version = "1" },
    Probe = function(request, context)
      if context.metadata.fail then
        csi.fail("ABORTED", "as asked")
      end
      return { ready = true }
    end,
    GetPluginCapabilities = function() return csi.reply("GetPluginCapabilities", {}) end,
    CreateVolume = function(request)
      return { volume = { volume_id = request.name, volume_context = request.parameters } }
    end,
    DeleteVolume = function() error({ "a", "table" }) end,
    NodeGetInfo = function() return { node_id = 1 } end,
  }
]]

local INFO, CREATE = "/csi.v1.Identity/GetPluginInfo", "/csi.v1.Controller/CreateVolume"

-- A function that makes calls frame by frame, one after the other, on connections of 100 calls each;
-- raw is the list of these.
local function raw_calls(server, raw, make)
  local stream
  local connection = { close = function() end }
  return function()
    if not stream or stream > 200 then
      connection:close()
      connection, stream = http2.start(server.socket), 1
      raw[#raw + 1] = connection
    end
    make(connection, stream)
    stream = stream + 2
  end
end

-- The kinds of calls; each function makes one. raw gets the connections that are to be closed.
local function kinds(server, raw)
  local connection = server:connect()
  local request = {
    name = ("n"):rep(100), parameters = { key = ("v"):rep(100) }, secrets = { key = "secret" },
    capacity_range = { required_bytes = 1 },
  }
  local function fails(code, ...)
    local reply, got = ...
    assert(not reply and got == code, got)
  end
  return {
    constant = function() assert(connection:call("GetPluginInfo")) end,
    handler = function() assert(connection:call("Probe")) end,
    prepared = function() assert(connection:call("GetPluginCapabilities")) end,
    large = function() assert(connection:call("CreateVolume", request)) end,
    failing = function()
      fails("ABORTED", connection:call("Probe", {}, { metadata = { fail = "1" } }))
    end,
    raising = function() fails("INTERNAL", connection:call("DeleteVolume")) end,
    invalid = function() fails("INTERNAL", connection:call("NodeGetInfo")) end,
    missing = function() fails("UNIMPLEMENTED", connection:call("ListVolumes")) end,
    unknown = function() fails("UNIMPLEMENTED", connection:raw("/a/b", "")) end,
    garbage = function() fails("INTERNAL", connection:raw(CREATE, "\x0a\2\xff\xff")) end,
    too_large = function() fails("RESOURCE_EXHAUSTED", connection:raw(INFO, ("x"):rep(70000))) end,
    connecting = function()
      local other <close> = assert(luacsi.connect(server.endpoint))
      assert(other:call("Probe"))
    end,
    cancelled = raw_calls(server, raw, function(call, stream)
      call:headers(stream, http2.request_headers(INFO))
      call:data(stream, http2.message(""), true)
      call:reset(stream)
    end),
    no_message = raw_calls(server, raw, function(call, stream)
      call:headers(stream, http2.request_headers(INFO), true)
      assert.equal(12, assert(call:answer(stream)).status)
    end),
    unfinished = raw_calls(server, raw, function(call, stream)
      call:headers(stream, http2.request_headers(INFO))
      call:data(stream, "\0\0\0\0\8abc")
    end),
    no_http2 = function()
      local other = http2.connect(server.socket)
      other:write("GET / HTTP/1.1\r\n\r\n")
      other:close()
    end,
  }
end

describe("a server after many calls", function()
  after_each(host.teardown)

  it("has no more memory and file descriptors than after a few", function()
    local server = host.serve { script = SCRIPT, flags = { "--no-watch" } }
    local pid = server.process.pid
    assert.equal(0, server:run({ "probe" }).code) -- it listens before all of it is there
    local before = usage.descriptors(pid)
    local raw, acts = {}, {}
    for _, act in pairs(kinds(server, raw)) do
      acts[#acts + 1] = act
    end
    local function make(calls)
      for i = 1, calls do
        acts[i % #acts + 1]()
      end
    end
    local function hang_up()
      for _, connection in ipairs(raw) do
        connection:close()
      end
      server:disconnect()
      assert(wait.for_(function() return usage.descriptors(pid) <= before end), "descriptors are left open")
    end

    make(WARM_UP)
    local memory = usage.memory_kb(pid)
    make(CALLS)
    local grown = usage.memory_kb(pid) - memory
    assert(INSTRUMENTED or grown < TOLERANCE_KB, ("%d kB more than %d kB"):format(grown, memory))
    hang_up()
  end)
end)
