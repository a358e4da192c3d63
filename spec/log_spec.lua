-- What the log tells of calls: ids, the gRPCCall lines that other programs parse, and no secret anywhere.

local host = require "spec.support.host"
local log = require "spec.support.log"
local luacsi = require "luacsi"
local messages = require "spec.support.messages"
local random = require "spec.support.random"
local wait = require "spec.support.wait"

local SCRIPT = [[
  local csi = require "csi"

  csi.every(0.05, function() csi.log.info("in the background") end)

  return {
    GetPluginInfo = { name = "log.example.com", vendor_version = "1" },

    Probe = function() return { ready = false } end,

    CreateVolume = function(request, context)
      csi.log.info("Creating", { id = "the script's own", name = request.name })
      coroutine.wrap(function() csi.log.warn("Inside a coroutine") end)()
      csi.sleep(0.001)
      print("after the wait")
      return { volume = {
        volume_id = context.id, capacity_bytes = 5 << 30,
        accessible_topology = { { segments = { zone = "z1" } } },
        content_source = { snapshot = { snapshot_id = "s" } },
      } }
    end,

    DeleteVolume = function() error("oops") end,
    NodeStageVolume = function() return {} end,
    NodeGetInfo = { node_id = "n", max_volumes_per_node = 7 },
    NodePublishVolume = function() csi.fail("CANCELLED", "said \"no\"\n\tand why: \27") end,
    ControllerExpandVolume = function() while true do end end,
    ControllerGetVolume = function()
      return { volume = { volume_id = "v" }, status = { published_node_ids = { ("n"):rep(300) } } }
    end,
  }
]]

-- The documents of the gRPCCall lines, found and read as the parsers of other drivers' logs do.
local function documents(text)
  local found = {}
  for line in text:gmatch("[^\n]+") do
    local _, stop = line:find("gRPCCall:", 1, true)
    if stop then
      found[#found + 1] = assert(luacsi.json.decode(line:sub(stop + 1)))
    end
  end
  return found
end

local server, client

local function serve(flags)
  server = host.serve { script = SCRIPT, flags = flags }
  client = server:connect()
end

-- The log once the server has stopped: everything is in it.
local function stopped_log()
  server:stop()
  return server:log()
end

local function last_document()
  local list = documents(stopped_log())
  return list[#list]
end

describe("the id of a call", function()
  after_each(host.teardown)

  it("is in each line that has to do with it, and no other's", function()
    serve { "-v=5", "--validate=warn", "--handler-cpu=200ms" }
    local CALLS = {
      { "CreateVolume", { name = "v" }, 5 }, -- two of csi.log, print, and two of the host
      { "DeleteVolume", {}, 3 }, { "NodePublishVolume", {}, 2 }, { "ControllerExpandVolume", {}, 3 },
      { "ControllerGetVolume", {}, 3 }, { "ListVolumes", {}, 2 }, { "Probe", {}, 2 },
    }
    for i, call in ipairs(CALLS) do
      client:call(call[1], call[2], { metadata = { ["csi.requestid"] = "request-" .. i } })
    end
    local text = stopped_log()
    for i, call in ipairs(CALLS) do
      local lines = #log.matching(text, "^request%-" .. i .. "$")
      for _, document in ipairs(documents(text)) do
        lines = lines + (document.RequestID == "request-" .. i and 1 or 0)
      end
      assert.equal(call[3], lines, call[1] .. "\n" .. text)
    end
  end)

  it("is the number of the call where the client sends none, or an empty one", function()
    serve()
    local function id(metadata)
      return client:call("CreateVolume", {}, { metadata = metadata }).volume.volume_id
    end
    assert.equal("1", id {})
    assert.equal("2", id { ["csi.requestid"] = "" })
    assert.equal("a b,c", id { ["csi.requestid"] = "a b,c" })
    assert.equal("4", id { ["csi.request"] = "x", ["x-csi.requestid"] = "y" })
  end)

  it("is cut when it is long", function()
    serve()
    local reply = client:call("CreateVolume", {}, { metadata = { ["csi.requestid"] = ("x"):rep(5000) } })
    assert.equal(("x"):rep(64), reply.volume.volume_id)
  end)

  it("leaves a field that the script calls id under another name", function()
    serve()
    client:call("CreateVolume", { name = "v" }, { metadata = { ["csi.requestid"] = "r" } })
    local line = log.matching(stopped_log(), "^Creating$")[1]
    assert.same({ id = "r", id_ = "the script's own", name = "v" }, line.fields)
  end)

  it("is in no line of background work", function()
    serve()
    assert.truthy(wait.for_(function() return server:log():find("in the background", 1, true) end))
    assert.same({}, log.matching(server:log(), "^in the background$")[1].fields)
  end)

  it("comes with errors, whatever the verbosity, and with the method", function()
    serve()
    client:call("NodePublishVolume", {}, { metadata = { ["csi.requestid"] = "r" } })
    local lines = log.matching(stopped_log(), "^r$")
    assert.equal(1, #lines)
    assert.same({ severity = "E", message = "Call failed" },
      { severity = lines[1].severity, message = lines[1].message })
    assert.same({
      method = "/csi.v1.Node/NodePublishVolume", id = "r", code = "CANCELLED",
      message = 'said "no"\n\tand why: \27',
    }, lines[1].fields)
  end)

  it("comes with a method that nobody knows, from -v=2 on", function()
    serve { "-v=2" }
    client:raw("/csi.v1.Identity/Prob", "", { metadata = { ["csi.requestid"] = "r" } })
    assert.same({
      method = "/csi.v1.Identity/Prob", id = "r", code = "UNIMPLEMENTED", message = "unknown method",
    }, log.matching(stopped_log(), "^r$")[1].fields)
  end)
end)

describe("a gRPCCall line", function()
  after_each(host.teardown)

  it("tells of each call at -v=5, Probe among them, and of none below", function()
    for _, verbosity in ipairs { 0, 4, 5, 10 } do
      serve { "-v=" .. verbosity }
      client:call "Probe"
      client:call "GetPluginInfo"
      client:call "DeleteVolume"
      local methods = {}
      for i, document in ipairs(documents(stopped_log())) do
        methods[i] = document.Method
      end
      assert.same(verbosity >= 5 and {
        "/csi.v1.Identity/Probe", "/csi.v1.Identity/GetPluginInfo", "/csi.v1.Controller/DeleteVolume",
      } or {}, methods)
    end
  end)

  it("has the members that parsers know, in their order, and nothing behind them", function()
    serve { "-v=5" }
    client:call "NodeGetInfo"
    local line = stopped_log():match("[^\n]*gRPCCall[^\n]*")
    assert.equal('gRPCCall: {"Method":"/csi.v1.Node/NodeGetInfo","Request":{},"Response":{"node_id":"n",' ..
      '"max_volumes_per_node":7},"Error":"","FullError":null,"RequestID":"1"}', line:match("%] (.*)$"))
    assert.matches("^I%d%d%d%d %d%d:%d%d:%d%d%.%d%d%d%d%d%d +%d+ call_log%.c:%d+%] gRPCCall: ", line)
  end)

  it("shows request and reply with the proto's names, and without what has its default", function()
    serve { "-v=5" }
    client:call("CreateVolume", {
      name = "pvc-1",
      capacity_range = { required_bytes = 1 << 40 },
      parameters = { type = "fast" },
      volume_capabilities = { {
        mount = { fs_type = "ext4", mount_flags = { "noatime" } },
        access_mode = { mode = "SINGLE_NODE_WRITER" },
      } },
    })
    local document = last_document()
    assert.same({
      name = "pvc-1",
      capacity_range = { required_bytes = 1 << 40 },
      parameters = { type = "fast" },
      volume_capabilities = { {
        mount = { fs_type = "ext4", mount_flags = { "noatime" } },
        access_mode = { mode = "SINGLE_NODE_WRITER" },
      } },
    }, document.Request)
    assert.same({ volume = {
      volume_id = "1", capacity_bytes = 5 << 30,
      accessible_topology = { { segments = { zone = "z1" } } },
      content_source = { snapshot = { snapshot_id = "s" } },
    } }, document.Response)
  end)

  it("shows a wrapper that is false", function()
    serve { "-v=5" }
    client:call "Probe"
    assert.same({ ready = false }, last_document().Response)
  end)

  it("shows an error as text, as Go prints it, and in full", function()
    serve { "-v=5" }
    client:call "NodePublishVolume"
    local document = last_document()
    local message = 'said "no"\n\tand why: \27'
    assert.equal(luacsi.json.null, document.Response)
    assert.equal("rpc error: code = Canceled desc = " .. message, document.Error)
    assert.same({ code = 1, message = message }, document.FullError)
  end)

  it("names codes as Go does", function()
    local NAMES = {
      UNKNOWN = "Unknown", INVALID_ARGUMENT = "InvalidArgument", DEADLINE_EXCEEDED = "DeadlineExceeded",
      NOT_FOUND = "NotFound", ALREADY_EXISTS = "AlreadyExists", RESOURCE_EXHAUSTED = "ResourceExhausted",
      FAILED_PRECONDITION = "FailedPrecondition", OUT_OF_RANGE = "OutOfRange", DATA_LOSS = "DataLoss",
      UNIMPLEMENTED = "Unimplemented", UNAUTHENTICATED = "Unauthenticated", ABORTED = "Aborted",
    }
    server = host.serve {
      script = [[
        local csi = require "csi"
        return {
          GetPluginInfo = { name = "a.example.com", vendor_version = "1" },
          DeleteVolume = function(request) csi.fail(request.volume_id, "x") end,
        }]],
      flags = { "-v=5" },
    }
    client = server:connect()
    for code in pairs(NAMES) do
      client:call("DeleteVolume", { volume_id = code })
    end
    for _, document in ipairs(documents(stopped_log())) do
      local name = NAMES[document.Request.volume_id]
      assert.equal(("rpc error: code = %s desc = x"):format(name), document.Error)
    end
  end)

  it("shows an empty request where none could be read", function()
    serve { "-v=5" }
    client:raw("/csi.v1.Controller/CreateVolume", "\xff\xff")
    local document = last_document()
    assert.same({ {}, 13 }, { document.Request, document.FullError.code })
  end)

  it("stays JSON on one line when it is long, says so, and leaves each part its room", function()
    server = host.serve {
      script = [[
        local csi = require "csi"
        return {
          GetPluginInfo = { name = "a.example.com", vendor_version = "1" },
          DeleteVolume = function() csi.fail("ABORTED", ("\n"):rep(1024)) end,
          CreateVolume = function(request)
            return { volume = { volume_id = "v", volume_context = request.parameters } }
          end,
        }]],
      flags = { "-v=5", "--validate=off" },
    }
    client = server:connect()
    local id = { metadata = { ["csi.requestid"] = ('"'):rep(64) } }
    for _, value in ipairs { ("v"):rep(5000), ('"\1'):rep(3000), ("€"):rep(2000) } do
      client:call("DeleteVolume", { volume_id = value }, id)
      client:call("CreateVolume", { name = value, parameters = { a = value, b = "lost" } }, id)
      client:call("CreateVolume", { parameters = { [value] = value } }, id)
    end
    local text = stopped_log()
    for line in text:gmatch("[^\n]+") do
      assert.is_true(#line < 4096)
    end
    local list = documents(text)
    assert.equal(9, #list)
    for _, document in ipairs(list) do
      assert.is_true(document.Cut)
      assert.matches('^"', document.RequestID)
      assert.is_not_nil(document.Response)
      if document.Request.volume_id then
        assert.matches("…$", document.Request.volume_id)
        assert.is_true(#document.Request.volume_id > 150)
        assert.equal(10, document.FullError.code)
      end
    end
  end)

  -- What is left of a message once its defaults are gone.
  local function shown(name, filled)
    local result = {}
    for _, field in ipairs(messages.shape(name).fields) do
      local value = filled[field.name]
      local inner = field.message and messages.shape(field.message)
      local default = value == nil
      if field.repeated then
        default = next(value) == nil
      elseif not field.oneof and field.kind ~= "message" then
        default = default or value == 0 or value == "" or value == false or
          field.enum and field.enum[value] == 0
      end
      if default then
        value = nil
      elseif field.secret then
        value = "***stripped***"
      elseif field.map or field.repeated then
        local item_name = field.message
        if field.map then
          item_name = inner.fields[2].message
        end
        local items = {}
        for key, item in pairs(value) do
          local is_table = item_name and messages.shape(item_name).form == "table"
          items[key] = is_table and shown(item_name, item) or item
        end
        value = items
      elseif inner and inner.form == "table" then
        value = shown(field.message, value)
      end
      result[field.name] = value
    end
    return result
  end

  it("shows random requests of every method as they were, but for secrets", function()
    serve { "-v=5" }
    local numbers = random.new("log")
    local expected, compared = {}, 0
    for _, method in ipairs(luacsi.methods()) do
      for _ = 1, 5 do
        local request = messages.random(numbers, method.request, {})
        if method.name ~= "ControllerExpandVolume" and not method.server_streaming then
          client:call(method.name, request)
          expected[#expected + 1] = shown(method.request, messages.filled(method.request, request))
        end
      end
    end
    local list = documents(stopped_log())
    assert.equal(#expected, #list)
    for i, document in ipairs(list) do
      if not document.Cut then
        assert.same(expected[i], document.Request, document.Method)
        compared = compared + 1
      end
    end
    assert.is_true(compared > #expected / 3, compared)
  end)
end)

describe("the log as JSON", function()
  after_each(host.teardown)

  it("has the call as an object, and the id on each line", function()
    serve { "-v=5", "--logging-format=json" }
    client:call("CreateVolume", { name = "v" }, { metadata = { ["csi.requestid"] = "r" } })
    local lines, calls = 0, 0
    for text in stopped_log():gmatch("[^\n]+") do
      local line = assert(luacsi.json.decode(text))
      lines = lines + (line.id == "r" and 1 or 0)
      if line.msg == "gRPCCall" then
        calls = calls + 1
        assert.same({ "info", "r", "r", { name = "v" } },
          { line.level, line.id, line.call.RequestID, line.call.Request })
      end
    end
    assert.same({ 5, 1 }, { lines, calls })
  end)
end)

describe("a secret", function()
  after_each(host.teardown)

  local KEY, VALUE = "s3cretKey", "s3cretValue"
  local SECRETS = { [KEY] = VALUE }

  -- The names of the methods whose request has secrets.
  local function methods_with_secrets()
    local list = {}
    for _, method in ipairs(luacsi.methods()) do
      for _, field in ipairs(luacsi.fields(method.request)) do
        if field.secret then
          assert.equal("secrets", field.name)
          list[#list + 1] = method
        end
      end
    end
    return list
  end

  local function assert_told_nothing(text)
    assert.is_nil(text:find(KEY, 1, true), text)
    assert.is_nil(text:find(VALUE, 1, true), text)
  end

  it("is in no line, whatever the method, the verbosity, the form and the outcome", function()
    local methods = methods_with_secrets()
    assert.equal(19, #methods)
    for verbosity = 5, 10 do
      local format = verbosity % 2 == 0 and "json" or "text"
      serve { "-v=" .. verbosity, "--handler-cpu=50ms", "--logging-format=" .. format }
      for _, method in ipairs(methods) do
        client:call(method.name, { secrets = SECRETS })
      end
      local text = stopped_log()
      assert_told_nothing(text)
      assert.equal(#methods, select(2, text:gsub('"secrets":"%*%*%*stripped%*%*%*"', "")))
    end
  end)

  it("is not shown in a request that is no message", function()
    serve { "-v=10" }
    local bytes = luacsi.encode("NodeStageVolumeRequest", { volume_id = "v", secrets = SECRETS })
    local bad_value = bytes:gsub(VALUE, VALUE:sub(1, -2) .. "\xff")
    local bad_key = bytes:gsub(KEY, KEY:sub(1, -2) .. "\0")
    for _, broken in ipairs { bytes .. "\xff", bytes:sub(1, -2), bad_value, bad_key } do
      local reply, code, message = client:raw("/csi.v1.Node/NodeStageVolume", broken)
      assert.same({ nil, "INTERNAL" }, { reply, code })
      assert.is_nil(message:find("s3cret", 1, true), message)
    end
    assert.is_nil(stopped_log():find("s3cret", 1, true))
  end)

  it("is not in the error of a message that a script cannot send", function()
    local backend = host.serve { file = "examples/hello.lua" }
    server = host.serve {
      script = ([[
        local csi = require "csi"
        local wrong = {
          { s3cretKey = 1234567 }, { s3cretKey = true }, { "s3cretValue" }, "s3cretValue",
          { [1.5] = "s3cretValue" }, { s3cretKey = "s3cretValue\0" }, { s3cretKey = "s3cretValue\xff" },
          { s3cretKey = { "s3cretValue" } },
        }
        return {
          GetPluginInfo = { name = "a.example.com", vendor_version = "1" },
          DeleteVolume = function(request)
            csi.call(%q, "NodeStageVolume", { secrets = wrong[tonumber(request.volume_id)] })
          end,
        }]]):format(backend.endpoint),
      flags = { "-v=10", "--allow-all" },
    }
    client = server:connect()
    for i = 1, 8 do
      local reply, code, message = client:call("DeleteVolume", { volume_id = tostring(i) })
      assert.same({ nil, "INTERNAL" }, { reply, code })
      assert.matches("NodeStageVolumeRequest.secrets[.:]", message)
      assert_told_nothing(message)
      assert.is_nil(message:find("1234567", 1, true))
    end
    local text = stopped_log()
    assert_told_nothing(text)
    assert.is_nil(text:find("1234567", 1, true))
  end)

  it("is not in the error of luacsi call", function()
    for secrets, told in pairs {
      ['{"s3cretKey": 1234567}'] = ".***: expected string, got number",
      ['"s3cretValue"'] = ": expected table (map from string to string), got string",
    } do
      local result = host.run { "call", "NodeStageVolume", '{"secrets": ' .. secrets .. "}" }
      assert.same({ 2, "luacsi call: NodeStageVolumeRequest.secrets" .. told .. "\n" },
        { result.code, result.stderr })
    end
  end)
end)
