-- The rules of the CSI specification, on replies of handlers of the real binary, in each mode of
-- --validate: strict answers INTERNAL and says which rule, warn answers and logs it, off just answers.

local host = require "spec.support.host"
local log = require "spec.support.log"

-- ---- what is right and what is wrong ----

local groups = {} -- of { method =, reply = Lua text, text = of the violation, nil: none }

-- A reply that keeps the rules.
local function good(reply)
  return { reply = reply }
end

-- One that breaks a rule: where in the message, what is said, and the section (else the method's).
local function bad(reply, place, says, section)
  return { reply = reply, place = place, says = says, section = section }
end

local function rule(group, method, cases)
  groups[group] = groups[group] or {}
  for _, case in ipairs(cases) do
    case.method = method
    case.text = case.place
      and ("%sResponse.%s: %s (CSI 1.12.0, %s)"):format(method, case.place, case.says, case.section or method)
    table.insert(groups[group], case)
  end
end

local NOT_EMPTY = "expected non-empty string, got nothing"
local NO_TABLE = "expected table, got nothing"
local NOT_UNKNOWN = "expected enum value other than UNKNOWN, got "
local FROM_0 = "expected integer from 0 up, got "
local ABOVE_0 = "expected integer above 0, got "

local function above(most, got)
  return ("expected at most %d bytes, got %d"):format(most, got)
end

local function info(fields)
  return ("{ vendor_version = '1', %s }"):format(fields)
end

local function bad_name(name, shown)
  return bad(info("name = " .. name), "name",
    "expected letters and digits at both ends, these, '-' and '.' in between, got " .. shown)
end

rule("the driver's name", "GetPluginInfo", {
  good(info "name = 'x'"),
  good(info "name = 'X9-a.b--c.example.COM'"),
  good(info "name = '0.9'"),
  good(info "name = ('x'):rep(63)"),
  bad(info "name = ('x'):rep(64)", "name", above(63, 64)),
  bad_name("'x.example.com.'", '"x.example.com."'),
  bad_name("'-x'", '"-x"'),
  bad_name("'a_b'", '"a_b"'),
  bad_name("'a b'", '"a b"'),
  bad_name("'é'", '"é"'),
  bad_name("'a\\n'", [["a\x0a"]]),
})

rule("a string without a limit of its own", "GetPluginInfo", {
  good "{ name = 'x', vendor_version = ('v'):rep(128) }",
  good "{ name = 'x', vendor_version = ' any text: ünïcode, not semver ' }",
  bad("{ name = 'x', vendor_version = ('v'):rep(129) }", "vendor_version", above(128, 129), "Size Limits"),
  bad("{ name = 'x', vendor_version = ('é'):rep(65) }", "vendor_version", above(128, 130), "Size Limits"),
})

rule("a map", "GetPluginInfo", {
  good(info "name = 'x', manifest = { [''] = '', a = ('x'):rep(4095) }"),
  bad(info "name = 'x', manifest = { a = ('x'):rep(4096) }", "manifest", above(4096, 4097), "Size Limits"),
  bad(info "name = 'x', manifest = { [('k'):rep(4000)] = ('x'):rep(90), b = ('y'):rep(6) }", "manifest",
    above(4096, 4097), "Size Limits"),
})

rule("a capability of the plugin", "GetPluginCapabilities", {
  good "{}",
  good "{ capabilities = { { service = { type = 4 } }, { volume_expansion = { type = 'OFFLINE' } } } }",
  bad("{ capabilities = { { service = { type = 'UNKNOWN' } } } }", "capabilities[1].service.type",
    NOT_UNKNOWN .. "UNKNOWN"),
  bad("{ capabilities = { { service = { type = 0 } } } }", "capabilities[1].service.type",
    NOT_UNKNOWN .. "UNKNOWN"),
  bad("{ capabilities = { { service = { type = 1 } }, { volume_expansion = {} } } }",
    "capabilities[2].volume_expansion.type", NOT_UNKNOWN .. "nothing"),
  bad("{ capabilities = { {} } }", "capabilities[1]",
    "expected type (service or volume_expansion), got none"),
})

for method, type_name in pairs {
  ControllerGetCapabilities = "GET_SNAPSHOT",
  GroupControllerGetCapabilities = "CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT",
  NodeGetCapabilities = "VOLUME_MOUNT_GROUP",
} do
  rule("a capability of a service", method, {
    good("{ capabilities = { { rpc = { type = '" .. type_name .. "' } } } }"),
    bad("{ capabilities = { {} } }", "capabilities[1]", "expected type (rpc), got none"),
    bad("{ capabilities = { { rpc = { type = 1 } }, {} } }", "capabilities[2]",
      "expected type (rpc), got none"),
    bad("{ capabilities = { { rpc = {} } } }", "capabilities[1].rpc.type", NOT_UNKNOWN .. "nothing"),
    bad("{ capabilities = { { rpc = { type = 0 } } } }", "capabilities[1].rpc.type",
      NOT_UNKNOWN .. "UNKNOWN"),
  })
end

rule("a node", "NodeGetInfo", {
  good "{ node_id = 'n' }",
  good "{ node_id = ('n'):rep(256), max_volumes_per_node = 39 }",
  good "{ node_id = 'n', max_volumes_per_node = 0, accessible_topology = { segments = {} } }",
  bad("{}", "node_id", NOT_EMPTY),
  bad("{ node_id = '' }", "node_id", 'expected non-empty string, got ""'),
  bad("{ node_id = ('n'):rep(257) }", "node_id", above(256, 257)),
  bad("{ node_id = 'n', max_volumes_per_node = -1 }", "max_volumes_per_node", FROM_0 .. "-1"),
})

local KEY = "expected key [prefix/]name, each part at most 63 bytes, letters and digits at both ends, "
  .. "these, '-' and '.' in between; in the name also '_', in the prefix no upper case, got "
local VALUE = "expected 1 to 63 bytes, letters and digits at both ends, "
  .. "these, '-', '_' and '.' in between, got "

local function quote(text)
  return #text > 40 and ('"%s"...'):format(text:sub(1, 40)) or ('"%s"'):format(text)
end

local function segments(text)
  return ("{ node_id = 'n', accessible_topology = { segments = { %s } } }"):format(text)
end

local function bad_key(key)
  return bad(segments(("['%s'] = 'z'"):format(key)), "accessible_topology.segments." .. key,
    KEY .. quote(key), "CreateVolume")
end

local function bad_value(value)
  return bad(segments(("zone = '%s'"):format(value)), "accessible_topology.segments.zone",
    VALUE .. quote(value), "CreateVolume")
end

rule("a topology", "NodeGetInfo", {
  good(segments "zone = 'z1', ['example.com/Rack_1.a'] = 'R-3_b.c'"),
  good(segments "[('p'):rep(63) .. '/' .. ('n'):rep(63)] = ('v'):rep(63)"),
  bad_key "Example.com/zone", bad_key "ex_ample/zone", bad_key "/zone", bad_key "zone/", bad_key "a/b/c",
  bad_key "_zone", bad_key "", bad_key(("k"):rep(64)),
  bad_value "", bad_value "z 1", bad_value "z1-", bad_value(("z"):rep(64)),
})

rule("a volume", "CreateVolume", {
  good "{ volume = { volume_id = 'v' } }",
  good [[{ volume = {
    volume_id = ('v'):rep(128),
    capacity_bytes = 0,
    volume_context = { a = '' },
    content_source = { snapshot = { snapshot_id = 's' } },
    accessible_topology = { { segments = { z = '1' } } },
  } }]],
  bad("{}", "volume", NO_TABLE),
  bad("{ volume = {} }", "volume.volume_id", NOT_EMPTY),
  bad("{ volume = { volume_id = ('v'):rep(129) } }", "volume.volume_id", above(128, 129), "Size Limits"),
  bad("{ volume = { volume_id = 'v', capacity_bytes = -5 } }", "volume.capacity_bytes", FROM_0 .. "-5"),
  bad("{ volume = { volume_id = 'v', content_source = {} } }", "volume.content_source",
    "expected type (snapshot or volume), got none"),
  bad("{ volume = { volume_id = 'v', content_source = { volume = {} } } }",
    "volume.content_source.volume.volume_id", NOT_EMPTY),
  bad("{ volume = { volume_id = 'v', accessible_topology = { { segments = { z = '' } } } } }",
    "volume.accessible_topology[1].segments.z", VALUE .. '""'),
})

local function confirmed(capability)
  return ("{ confirmed = { volume_capabilities = { { %s } } } }"):format(capability)
end

rule("volume capabilities", "ValidateVolumeCapabilities", {
  good "{ message = 'no' }",
  good(confirmed "block = {}, access_mode = { mode = 'SINGLE_NODE_WRITER' }"),
  bad("{ confirmed = {} }", "confirmed.volume_capabilities", "expected at least one entry, got nothing"),
  bad("{ confirmed = { volume_capabilities = {} } }", "confirmed.volume_capabilities",
    "expected at least one entry, got nothing"),
  bad(confirmed "access_mode = { mode = 1 }", "confirmed.volume_capabilities[1]",
    "expected access_type (block or mount), got none", "CreateVolume"),
  bad(confirmed "block = {}", "confirmed.volume_capabilities[1].access_mode", NO_TABLE, "CreateVolume"),
  bad(confirmed "mount = {}, access_mode = {}", "confirmed.volume_capabilities[1].access_mode.mode",
    NOT_UNKNOWN .. "nothing", "CreateVolume"),
})

local function listed(status)
  return ("{ entries = { { volume = { volume_id = 'v' }, status = { %s } } } }"):format(status)
end

rule("a list of volumes", "ListVolumes", {
  good "{}",
  good(listed "published_node_ids = { ('n'):rep(256) }"),
  bad("{ entries = { {} } }", "entries[1].volume", NO_TABLE),
  bad(listed "published_node_ids = { 'a', ('n'):rep(257) }", "entries[1].status.published_node_ids[2]",
    above(256, 257)),
  bad(listed "volume_condition = { abnormal = true }", "entries[1].status.volume_condition.message",
    NOT_EMPTY, "NodeGetVolumeStats"),
})

rule("a wrapped number", "GetCapacity", {
  good "{}",
  good "{ available_capacity = 0, maximum_volume_size = 0, minimum_volume_size = 0 }",
  bad("{ available_capacity = -1 }", "available_capacity", FROM_0 .. "-1"),
  bad("{ maximum_volume_size = -1 }", "maximum_volume_size", FROM_0 .. "-1"),
})

local function snapshot(fields)
  return ("{ snapshot = { snapshot_id = 's', source_volume_id = 'v', %s } }"):format(fields)
end

rule("a snapshot", "CreateSnapshot", {
  good(snapshot "creation_time = '2026-01-02T03:04:05Z'"),
  good(snapshot "creation_time = '1970-01-01T00:00:00Z', ready_to_use = false"),
  bad(snapshot "ready_to_use = true", "snapshot.creation_time", "expected RFC 3339 string, got nothing"),
  bad(snapshot "creation_time = '2026-01-02T03:04:05Z', size_bytes = -1", "snapshot.size_bytes",
    FROM_0 .. "-1"),
})

rule("an expanded volume", "ControllerExpandVolume", {
  good "{ capacity_bytes = 1 }",
  bad("{}", "capacity_bytes", ABOVE_0 .. "nothing"),
  bad("{ capacity_bytes = 0 }", "capacity_bytes", ABOVE_0 .. "0"),
  bad("{ capacity_bytes = -1 }", "capacity_bytes", ABOVE_0 .. "-1"),
})

rule("the usage of a volume", "NodeGetVolumeStats", {
  good "{ usage = { { total = 0, unit = 'BYTES' }, { total = 1, available = 1, unit = 'INODES' } } }",
  bad("{ usage = { { total = 1 } } }", "usage[1].unit", NOT_UNKNOWN .. "nothing"),
  bad("{ usage = { { used = -1, unit = 'BYTES' } } }", "usage[1].used", FROM_0 .. "-1"),
})

-- ---- the server ----

local cases = {} -- of all groups, in the order of the script's list
local names = {}

for name, list in pairs(groups) do
  names[#names + 1] = name
  table.move(list, 1, #list, #cases + 1, cases)
end
table.sort(names)

-- A script whose handlers answer what the metadata's `case` says.
local function script()
  local lines, handlers = {}, {}
  for i, case in ipairs(cases) do
    case.number = i
    lines[i] = ("  function() return %s end,"):format(case.reply)
    handlers[case.method] = ("  %s = answer,"):format(case.method)
  end
  local text = { "local replies = {", table.concat(lines, "\n"), "}" }
  text[#text + 1] = "local function answer(_, context) return replies[tonumber(context.metadata.case)]() end"
  text[#text + 1] = "return {"
  for _, handler in pairs(handlers) do
    text[#text + 1] = handler
  end
  text[#text + 1] = "}"
  return table.concat(text, "\n")
end

local SCRIPT = script()

-- Starts a server in the given mode for the tests of the block; ask(case) calls it.
local function in_mode(mode)
  local server, client
  setup(function()
    server = host.serve { script = SCRIPT, flags = { "--validate", mode } }
    server:wait_log "Serving" -- from here on every line is a call's
    client = server:connect()
  end)
  teardown(host.teardown)
  return function(case)
    return client:call(case.method, {}, { metadata = { case = tostring(case.number) } })
  end, function() return server:log() end
end

local function plain(text)
  return "^" .. text:gsub("%p", "%%%0") .. "$"
end

describe("--validate strict", function()
  local ask, logged = in_mode "strict"
  for _, name in ipairs(names) do
    it("holds " .. name .. " to the rules", function()
      for _, case in ipairs(groups[name]) do
        local reply, code, message = ask(case)
        if case.text then
          assert.same({ nil, "INTERNAL", case.text, n = 3 }, table.pack(reply, code, message))
        else
          assert(reply, ("%s: %s"):format(case.reply, message))
        end
      end
    end)
  end

  it("logs the call that failed", function()
    local told = log.matching(logged(), "node_id: expected non%-empty string, got nothing")
    assert.same({ "E", "/csi.v1.Node/NodeGetInfo" }, { told[1].severity, told[1].fields.method })
  end)
end)

describe("--validate warn", function()
  local ask, logged = in_mode "warn"
  for _, name in ipairs(names) do
    it("tells of " .. name .. " against the rules, and answers", function()
      for _, case in ipairs(groups[name]) do
        local before = #log.parse(logged())
        assert(ask(case))
        local lines = log.parse(logged())
        if case.text then
          local told = log.matching(logged(), plain(case.text))
          local last = told[#told]
          assert(last, ("no line says %s:\n%s"):format(case.text, logged()))
          assert.same({ "W", "script.lua" }, { last.severity, last.file })
          assert.is_true(last.line > 0)
          assert.equal(before + 1, #lines)
        else
          assert.equal(before, #lines)
        end
      end
    end)
  end
end)

describe("--validate off", function()
  local ask, logged = in_mode "off"
  it("answers whatever there is, and says nothing", function()
    for _, case in ipairs(cases) do
      assert(ask(case))
    end
    assert.same({}, log.matching(logged(), "CSI 1%.12%.0"))
  end)
end)

describe("a rule", function()
  after_each(host.teardown)

  local function first_answer(script_text, method, flags)
    return table.pack(host.serve({ script = script_text, flags = flags }):connect():call(method))
  end

  it("without which there is no driver is UNAVAILABLE, with a text of its own", function()
    local server = host.serve { script = [[
      local replies = { {}, { name = "x" }, { name = "", vendor_version = "1" }, { vendor_version = "1" },
        { name = "x", vendor_version = "" } }
      return { GetPluginInfo = function(_, context) return replies[tonumber(context.metadata.case)] end }]] }
    local client = server:connect()
    for case, text in ipairs {
      "Driver name not configured", "Driver is missing version", "Driver name not configured",
      "Driver name not configured", "Driver is missing version",
    } do
      local reply, code, message = client:call("GetPluginInfo", {}, { metadata = { case = tostring(case) } })
      assert.same({ nil, "UNAVAILABLE", text, n = 3 }, table.pack(reply, code, message))
    end
  end)

  it("holds for constants and prepared replies as well", function()
    local text = ("NodeGetInfoResponse.node_id: %s (CSI 1.12.0, NodeGetInfo)"):format(NOT_EMPTY)
    local answer = first_answer([[
      local csi = require "csi"
      return { NodeGetInfo = function() return csi.reply("NodeGetInfo", {}) end }]], "NodeGetInfo")
    assert.same({ nil, "INTERNAL" }, { answer[1], answer[2] })
    assert(answer[3]:find(text, 1, true), answer[3])
    local refused = host.serve_refused { script = "return { NodeGetInfo = {} }" }
    assert.equal(1, refused.code)
    assert.equal(text, log.parse(refused.stderr)[1].message)
  end)

  it("that a constant breaks is logged under warn and unseen under off", function()
    for _, script_text in ipairs {
      "return { NodeGetInfo = {} }",
      "local csi = require 'csi' return { NodeGetInfo = csi.reply('NodeGetInfo', {}) }",
      "local csi = require 'csi' return { NodeGetInfo = function() return csi.reply('NodeGetInfo', {}) end }",
    } do
      for mode, count in pairs { warn = 1, off = 0 } do
        local server = host.serve { script = script_text, flags = { "--validate", mode } }
        assert.same({ node_id = "", max_volumes_per_node = 0 }, server:connect():call("NodeGetInfo"))
        local told = log.matching(server:log(),
          "node_id: expected non%-empty string, got nothing %(CSI 1%.12%.0, NodeGetInfo%)")
        assert.equal(count, #told)
      end
    end
  end)

  it("does not hold for requests: those come as they are", function()
    local client = host.serve({ script = [[return {
      CreateVolume = function(request)
        return { volume = { volume_id = "id-" .. request.name:sub(1, 3) .. #request.name } }
      end,
    }]] }):connect()
    assert.equal("id-0", client:call("CreateVolume", {}).volume.volume_id)
    assert.equal("id-nnn300", client:call("CreateVolume", { name = ("n"):rep(300) }).volume.volume_id)
  end)

  it("is not checked where the table does not convert, in any mode", function()
    for _, mode in ipairs { "strict", "warn", "off" } do
      local answer = first_answer("return { Probe = function() return { ready = 1 } end }", "Probe",
        { "--validate=" .. mode })
      assert.same({ nil, "INTERNAL", "ProbeResponse.ready: expected boolean, got number 1", n = 3 }, answer)
    end
  end)

  it("that several fields break is told for each under warn", function()
    local server = host.serve { flags = { "--validate", "warn" }, script = [[return {
      GetPluginInfo = function() return { name = "-x-", vendor_version = ("v"):rep(200) } end }]] }
    assert(server:connect():call("GetPluginInfo"))
    assert.equal(2, #log.matching(server:log(), "CSI 1%.12%.0"))
  end)
end)
