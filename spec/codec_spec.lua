-- The conversion table, line by line: what each kind of value is in Lua and on the wire.

local luacsi = require "luacsi"
local messages = require "spec.support.messages"

local function bytes(hex)
  return (hex:gsub("%s", ""):gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end))
end

-- Both ways: the table gives these bytes, and these bytes the table (or shown, where that differs).
local function converts(message, source, hex, shown)
  assert.same(bytes(hex), assert(luacsi.encode(message, source)))
  assert.same(shown or source, assert(luacsi.decode(message, bytes(hex))))
end

local function refuses(message, source, text)
  local result, reason = luacsi.encode(message, source)
  assert.is_nil(result)
  assert.equal(text, reason)
end

describe("a field that is left out", function()
  it("has its default in the table of a request, lists and maps are empty, messages are not there", function()
    assert.same({ name = "", vendor_version = "", manifest = {} }, luacsi.decode("GetPluginInfoResponse", ""))
    assert.same({}, luacsi.decode("ProbeResponse", ""))
    assert.same({ type = "UNKNOWN" }, luacsi.decode("PluginCapability.Service", ""))
    assert.same({ name = "", volume_capabilities = {}, parameters = {}, secrets = {},
      mutable_parameters = {} },
      luacsi.decode("CreateVolumeRequest", ""))
    assert.same({ max_entries = 0, starting_token = "" }, luacsi.decode("ListVolumesRequest", ""))
    assert.same({ available = 0, total = 0, used = 0, unit = "UNKNOWN" }, luacsi.decode("VolumeUsage", ""))
  end)

  it("is not written, and neither is a default that is given", function()
    converts("GetPluginInfoResponse", { name = "", vendor_version = "", manifest = {} }, "")
    assert.equal("", luacsi.encode("VolumeUsage", { available = 0, total = 0.0, unit = 0 }))
    assert.equal("", luacsi.encode("Snapshot", { ready_to_use = false }))
    assert.equal("", luacsi.encode("GetPluginInfoResponse", {}))
  end)
end)

describe("a wrapper", function()
  it("is a plain value, and false or 0 is not the same as left out", function()
    converts("ProbeResponse", { ready = true }, "0a02 0801")
    converts("ProbeResponse", { ready = false }, "0a00")
    converts("ProbeResponse", {}, "")
    converts("GetCapacityResponse",
      { available_capacity = 1, maximum_volume_size = 0, minimum_volume_size = 300 },
      "0801 1200 1a03 08ac02")
  end)

  it("wants the type of its value", function()
    refuses("ProbeResponse", { ready = "true" }, 'ProbeResponse.ready: expected boolean, got string "true"')
    refuses("ProbeResponse", { ready = 1 }, "ProbeResponse.ready: expected boolean, got number 1")
    refuses("ProbeResponse", { ready = { value = true } }, "ProbeResponse.ready: expected boolean, got table")
    refuses("GetCapacityResponse", { maximum_volume_size = "1" },
      'GetCapacityResponse.maximum_volume_size: expected integer, got string "1"')
  end)

  it("that stands alone is taken in the form in which it comes back", function()
    for _, name in ipairs { "google.protobuf.BoolValue", "google.protobuf.Int64Value",
      "google.protobuf.Timestamp" } do
      assert.same({ "", n = 1 }, table.pack(luacsi.encode(name, luacsi.decode(name, ""))))
    end
  end)
end)

describe("a timestamp", function()
  local function seconds_of(text)
    local encoded = assert(luacsi.encode("Snapshot", { creation_time = text }))
    return assert(luacsi.decode("Snapshot", encoded)).creation_time
  end

  it("is text in RFC 3339, in UTC when it comes back", function()
    converts("VolumeGroupSnapshot", { group_snapshot_id = "", snapshots = {}, ready_to_use = false,
      creation_time = "2020-05-31T12:34:56Z" }, "1a06 08f0c8cef605")
    converts("VolumeGroupSnapshot", { group_snapshot_id = "", snapshots = {}, ready_to_use = false,
      creation_time = "1970-01-01T00:00:00Z" }, "1a00")
  end)

  it("may have a zone, small letters and up to nine digits of a second", function()
    local same = {
      ["2020-01-01T00:00:00+00:00"] = "2020-01-01T00:00:00Z",
      ["2020-01-01T00:00:00-00:00"] = "2020-01-01T00:00:00Z",
      ["2020-01-01T02:30:00+02:30"] = "2020-01-01T00:00:00Z",
      ["2019-12-31T14:00:00-10:00"] = "2020-01-01T00:00:00Z",
      ["2020-01-01t00:00:00z"] = "2020-01-01T00:00:00Z",
      ["2020-02-29T23:59:59Z"] = "2020-02-29T23:59:59Z",
      ["2020-01-01T00:00:00.5Z"] = "2020-01-01T00:00:00.500Z",
      ["2020-01-01T00:00:00.000Z"] = "2020-01-01T00:00:00Z",
      ["2020-01-01T00:00:00.000001Z"] = "2020-01-01T00:00:00.000001Z",
      ["2020-01-01T00:00:00.123456789Z"] = "2020-01-01T00:00:00.123456789Z",
      ["1969-12-31T23:59:59.25Z"] = "1969-12-31T23:59:59.250Z",
      ["0001-01-01T00:00:00Z"] = "0001-01-01T00:00:00Z",
      ["9999-12-31T23:59:59.999999999Z"] = "9999-12-31T23:59:59.999999999Z",
    }
    for given, back in pairs(same) do
      assert.equal(back, seconds_of(given))
    end
  end)

  it("is refused when it is none, or outside the years 1 to 9999", function()
    for _, text in ipairs {
      "", "now", "2020-01-01", "2020-01-01T00:00:00", "2020-01-01 00:00:00Z", "2020-01-01T00:00Z",
      "2020-13-01T00:00:00Z", "2020-00-01T00:00:00Z", "2021-02-29T00:00:00Z", "2020-01-01T24:00:00Z",
      "2020-01-01T00:60:00Z", "2020-01-01T00:00:61Z", "2020-01-01T00:00:00.Z", "2020-01-01T00:00:00,5Z",
      "2020-01-01T00:00:00.1234567890Z", "2020-01-01T00:00:00+24:00", "2020-01-01T00:00:00+0200",
      "2020-01-01T00:00:00Zulu", " 2020-01-01T00:00:00Z", "20200101T000000Z", "0000-12-31T23:59:59Z",
      "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "-001-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
    } do
      refuses("Snapshot", { creation_time = text },
        ('Snapshot.creation_time: expected RFC 3339 string, got string "%s"'):format(text))
    end
    refuses("Snapshot", { creation_time = 1600000000 },
      "Snapshot.creation_time: expected RFC 3339 string, got number 1600000000")
  end)

  it("that no text can show is a reason, not an error raised", function()
    for _, hex in ipairs { "220a 08ffffffffffffffff7f", "2206 10ffffffff07",
      "220b 10ffffffffffffffffff01" } do
      local value, reason = luacsi.decode("Snapshot", bytes(hex))
      assert.is_nil(value)
      assert.matches("creation_time", reason)
    end
  end)
end)

describe("an enum", function()
  it("is a name, or a number when a script gives it", function()
    converts("PluginCapability.Service", { type = "CONTROLLER_SERVICE" }, "0801")
    converts("PluginCapability.Service", { type = 1 }, "0801", { type = "CONTROLLER_SERVICE" })
    converts("PluginCapability.Service", { type = 2.0 }, "0802",
      { type = "VOLUME_ACCESSIBILITY_CONSTRAINTS" })
    converts("VolumeUsage", { available = 0, total = 0, used = 0, unit = "INODES" }, "2002")
  end)

  it("is a number in a request when CSI does not know it", function()
    assert.same({ type = 99 }, luacsi.decode("PluginCapability.Service", bytes "0863"))
    assert.same({ type = -1 }, luacsi.decode("PluginCapability.Service", bytes "08ffffffffffffffffff01"))
  end)

  it("is refused when CSI does not know it", function()
    local expected = "PluginCapability.Service.type: expected a PluginCapability.Service.Type (UNKNOWN, "
      .. "CONTROLLER_SERVICE, VOLUME_ACCESSIBILITY_CONSTRAINTS, GROUP_CONTROLLER_SERVICE, "
      .. "SNAPSHOT_METADATA_SERVICE), got "
    refuses("PluginCapability.Service", { type = "CONTROLER_SERVICE" },
      expected .. 'string "CONTROLER_SERVICE" (did you mean CONTROLLER_SERVICE?)')
    refuses("PluginCapability.Service", { type = "controller_service" },
      expected .. 'string "controller_service" (did you mean CONTROLLER_SERVICE?)')
    refuses("PluginCapability.Service", { type = "zzz" }, expected .. 'string "zzz"')
    refuses("PluginCapability.Service", { type = "1" }, expected .. 'string "1"')
    refuses("PluginCapability.Service", { type = 5 }, expected .. "number 5")
  end)
end)

describe("an integer", function()
  it("has all its bits", function()
    converts("NodeExpandVolumeResponse", { capacity_bytes = math.maxinteger }, "08ffffffffffffffff7f")
    converts("NodeExpandVolumeResponse", { capacity_bytes = math.mininteger }, "0880808080808080808001")
    converts("NodeExpandVolumeResponse", { capacity_bytes = -1 }, "08ffffffffffffffffff01")
    converts("ListVolumesRequest", { max_entries = 2147483647, starting_token = "" }, "08ffffffff07")
    converts("ListVolumesRequest", { max_entries = -2147483648, starting_token = "" },
      "0880808080f8ffffffff01")
  end)

  it("may be a float that is integral", function()
    local exact = 2.0 ^ 62
    converts("NodeExpandVolumeResponse", { capacity_bytes = exact }, "08808080808080808040",
      { capacity_bytes = 1 << 62 })
    converts("NodeExpandVolumeResponse", { capacity_bytes = -2.0 ^ 63 }, "0880808080808080808001",
      { capacity_bytes = math.mininteger })
  end)

  it("is refused where anything would be lost", function()
    local at = "NodeExpandVolumeResponse.capacity_bytes: expected integer, got "
    refuses("NodeExpandVolumeResponse", { capacity_bytes = 1.5 }, at .. "number 1.5")
    refuses("NodeExpandVolumeResponse", { capacity_bytes = 2.0 ^ 63 }, at .. "number 9.2233720368547758e+18")
    refuses("NodeExpandVolumeResponse", { capacity_bytes = 1 / 0 }, at .. "number inf")
    refuses("NodeExpandVolumeResponse", { capacity_bytes = "10" }, at .. 'string "10"')
    refuses("NodeExpandVolumeResponse", { capacity_bytes = false }, at .. "boolean false")
    assert.matches("expected integer, got number %-?nan$",
      select(2, luacsi.encode("NodeExpandVolumeResponse", { capacity_bytes = 0 / 0 })))
    refuses("ListVolumesRequest", { max_entries = 2147483648 },
      "ListVolumesRequest.max_entries: expected 32-bit integer, got number 2147483648")
    refuses("ListVolumesRequest", { max_entries = -2147483649 },
      "ListVolumesRequest.max_entries: expected 32-bit integer, got number -2147483649")
  end)
end)

describe("a string", function()
  it("is UTF-8 of any length", function()
    converts("DeleteSnapshotRequest", { snapshot_id = "Größe €𝄞", secrets = {} },
      "0a0f 4772c3b6c39f6520 e282ac f09d849e")
    local long = ("x"):rep(70000)
    assert.equal(long, luacsi.decode("DeleteSnapshotRequest",
      luacsi.encode("DeleteSnapshotRequest", { snapshot_id = long })).snapshot_id)
  end)

  it("is refused with a NUL or with other bytes", function()
    refuses("GetPluginInfoResponse", { name = "a\0b" },
      "GetPluginInfoResponse.name: expected a string without NUL, got one with NUL")
    refuses("GetPluginInfoResponse", { name = "a\xff" },
      "GetPluginInfoResponse.name: expected UTF-8, got a string of other bytes")
    refuses("GetPluginInfoResponse", { name = 5 },
      "GetPluginInfoResponse.name: expected string, got number 5")
  end)

  it("is looked at wherever the byte stands", function()
    local message, at = "GetPluginInfoResponse", "GetPluginInfoResponse.name: expected "
    for size = 1, 20 do
      for place = 1, size do
        local function with(byte)
          return { name = ("x"):rep(place - 1) .. byte .. ("x"):rep(size - place) }
        end
        for _, fine in ipairs { "\x01", "\x7f", "é", "\xe1\x80\x80" } do
          local encoded = assert(luacsi.encode(message, with(fine)))
          assert.equal(with(fine).name, luacsi.decode(message, encoded).name)
        end
        refuses(message, with "\0", at .. "a string without NUL, got one with NUL")
        refuses(message, with "é\0", at .. "a string without NUL, got one with NUL")
        for _, bad in ipairs { "\x80", "\xff", "\xc3" } do
          refuses(message, with(bad), at .. "UTF-8, got a string of other bytes")
        end
      end
    end
  end)

  it("of any size lies wherever the ones behind it end", function()
    for size = 100, 140 do -- from a length of one byte to one of two
      for rest = 350, 420 do -- up to what a buffer takes before it grows, and beyond
        local source = { name = ("n"):rep(size), vendor_version = ("v"):rep(rest), manifest = {} }
        local encoded = assert(luacsi.encode("GetPluginInfoResponse", source))
        assert.equal(messages.bytes("GetPluginInfoResponse", source), encoded)
      end
    end
  end)

  it("that came with a NUL or with other bytes is no message", function()
    for hex, reason in pairs {
      ["0a03 610062"] = "expected a string without NUL, got one with NUL",
      ["0a02 61ff"] = "expected UTF-8, got other bytes",
      ["0a02 c080"] = "expected UTF-8, got other bytes",
      ["0a03 eda080"] = "expected UTF-8, got other bytes",
    } do
      assert.same({ nil, "GetPluginInfoResponse.name: " .. reason, n = 2 },
        table.pack(luacsi.decode("GetPluginInfoResponse", bytes(hex))))
    end
    assert.same({ nil, "GetPluginInfoResponse.manifest.value: expected UTF-8, got other bytes", n = 2 },
      table.pack(luacsi.decode("GetPluginInfoResponse", bytes "1a06 0a01 61 1201 ff")))
  end)
end)

describe("a list", function()
  it("keeps its order, and what is empty in it", function()
    converts("VolumeCapability.MountVolume",
      { fs_type = "", mount_flags = { "b", "", "a", "" }, volume_mount_group = "" },
      "1201 62 1200 1201 61 1200")
    converts("GetPluginCapabilitiesResponse", { capabilities = { {}, {} } }, "0a00 0a00")
  end)

  it("is refused with a hole, or with other keys", function()
    local at = "VolumeCapability.MountVolume.mount_flags: expected a list"
    local function flags(list, text)
      refuses("VolumeCapability.MountVolume", { mount_flags = list }, at .. text)
    end
    flags({ [2] = "a" }, " without holes, got nothing at 1 and a value at 2")
    flags({ "a", [3] = "c" }, " without holes, got nothing at 2 and a value at 3")
    flags({ "a", nil, "c" }, " without holes, got nothing at 2 and a value at 3")
    flags({ nil, nil, "c" }, " without holes, got nothing at 1 and a value at 3")
    flags({ "a", nil, nil, "d" }, " without holes, got nothing at 2 and a value at 4")
    flags({ "a", x = "b" }, ', got the key "x"')
    flags({ "a", [0] = "b" }, ", got the key number 0")
    flags({ "a", [2.5] = "b" }, ", got the key number 2.5")
    refuses("VolumeCapability.MountVolume", { mount_flags = "a" },
      'VolumeCapability.MountVolume.mount_flags: expected table (list of string), got string "a"')
    refuses("VolumeCapability.MountVolume", { mount_flags = { "a", 2 } },
      "VolumeCapability.MountVolume.mount_flags[2]: expected string, got number 2")
    refuses("GetPluginCapabilitiesResponse", { capabilities = { {}, { service = { type = true } } } },
      "GetPluginCapabilitiesResponse.capabilities[2].service.type: expected PluginCapability.Service.Type, "
        .. "got boolean true")
    refuses("GetPluginCapabilitiesResponse", { capabilities = { service = {} } },
      'GetPluginCapabilitiesResponse.capabilities: expected a list, got the key "service"')
  end)
end)

describe("a map", function()
  it("is written in the order of its keys, whatever Lua's own is", function()
    converts("Topology", { segments = { b = "2", a = "1", [""] = "", aa = "" } },
      "0a00 0a06 0a01 61 1201 31 0a04 0a02 6161 0a06 0a01 62 1201 32")
  end)

  it("is written in order however many entries it has", function()
    for _, n in ipairs { 1, 2, 8, 9, 100 } do
      local entries, ascending = {}, {}
      for i = 1, n do -- 37 and 101 have no factor in common: all of 1 to 100 come, out of order
        local key = ("k%03d"):format(i * 37 % 101)
        entries[key] = "v"
        ascending[i] = key
      end
      table.sort(ascending)
      local found = {}
      for key in luacsi.encode("Topology", { segments = entries }):gmatch "k%d%d%d" do
        found[#found + 1] = key
      end
      assert.same(ascending, found)
    end
  end)

  it("takes the last entry of a key that comes twice", function()
    assert.same({ segments = { a = "2" } },
      luacsi.decode("Topology", bytes "0a06 0a01 61 1201 31 0a06 0a01 61 1201 32"))
  end)

  it("wants strings on both sides", function()
    refuses("GetPluginInfoResponse", { manifest = { build = {} } },
      "GetPluginInfoResponse.manifest.build: expected string, got table")
    refuses("GetPluginInfoResponse", { manifest = { build = 7 } },
      "GetPluginInfoResponse.manifest.build: expected string, got number 7")
    refuses("GetPluginInfoResponse", { manifest = { "first" } },
      "GetPluginInfoResponse.manifest: expected strings as keys, got number 1")
    refuses("GetPluginInfoResponse", { manifest = { a = "x", c = 1, b = false, d = "y" } },
      "GetPluginInfoResponse.manifest.b: expected string, got boolean false")
    refuses("GetPluginInfoResponse", { manifest = "x" },
      'GetPluginInfoResponse.manifest: expected table (map from string to string), got string "x"')
  end)

  it("is refused with an error that is valid text, whatever the key", function()
    local function refused_as_text(key, value, says)
      local result, reason = luacsi.encode("GetPluginInfoResponse", { manifest = { [key] = value } })
      assert.is_nil(result)
      assert.matches("^GetPluginInfoResponse%.manifest.*" .. says, reason)
      assert.is_truthy(utf8.len(reason), ("not UTF-8: %q"):format(reason))
    end
    refused_as_text("a\xffb", "x", "UTF%-8")
    refused_as_text("a\0b", "x", "NUL")
    refused_as_text("x" .. ("é"):rep(100), 1, "expected string, got number 1$")
    refused_as_text(("x"):rep(5000), 1, "expected string, got number 1$")
    refused_as_text(("a\xff"):rep(500), 1, "expected string, got number 1$")
  end)
end)

describe("a oneof", function()
  it("has the arm that is set, even an empty one", function()
    converts("VolumeCapability", { block = {} }, "0a00")
    converts("PluginCapability", { volume_expansion = { type = "ONLINE" } }, "1202 0801")
    converts("PluginCapability", {}, "")
  end)

  it("takes the last arm of a message that has both", function()
    assert.same({ volume_expansion = { type = "UNKNOWN" } },
      luacsi.decode("PluginCapability", bytes "0a02 0801 1200"))
    assert.same({ service = { type = "CONTROLLER_SERVICE" } },
      luacsi.decode("PluginCapability", bytes "1200 0a02 0801"))
  end)

  it("is refused with two arms", function()
    refuses("GetPluginCapabilitiesResponse", { capabilities = { { service = {}, volume_expansion = {} } } },
      "GetPluginCapabilitiesResponse.capabilities[1]: "
        .. "expected one of a oneof, got both service and volume_expansion")
    refuses("VolumeCapability", { block = {}, mount = {} },
      "VolumeCapability: expected one of a oneof, got both block and mount")
  end)
end)

describe("a message", function()
  it("is a table", function()
    refuses("GetPluginInfoResponse", "x", 'GetPluginInfoResponse: expected table, got string "x"')
    refuses("GetPluginInfoResponse", nil, "GetPluginInfoResponse: expected table, got nil")
    refuses("CreateVolumeResponse", { volume = "v" },
      'CreateVolumeResponse.volume: expected table, got string "v"')
  end)

  it("has no other keys than its fields", function()
    refuses("GetPluginInfoResponse", { nmae = "x" },
      'GetPluginInfoResponse: no field is called "nmae" (did you mean name?)')
    refuses("GetPluginInfoResponse", { vendorVersion = "x" },
      'GetPluginInfoResponse: no field is called "vendorVersion" (did you mean vendor_version?)')
    refuses("GetPluginInfoResponse", { zzz = "x" }, 'GetPluginInfoResponse: no field is called "zzz"')
    refuses("GetPluginInfoResponse", { "x" }, "GetPluginInfoResponse: no field is called number 1")
    refuses("GetPluginInfoRequest", { name = "x" }, 'GetPluginInfoRequest: no field is called "name"')
    refuses("CreateVolumeResponse", { volume = { volume_id = "1", size = 1 } },
      'CreateVolumeResponse.volume: no field is called "size"')
  end)

  it("shows keys that are no plain text without what lies beside them in memory", function()
    for _, key in ipairs { "name\0x", "\0", "\xff", ("k"):rep(49), ("k"):rep(100000) } do
      local result, reason = luacsi.encode("GetPluginInfoResponse", { [key] = 1 })
      assert.is_nil(result)
      assert.matches("^GetPluginInfoResponse: no field is called [%w \"()?.\\]+$", reason)
    end
  end)

  it("stays small in an error however large the table was", function()
    local huge = {}
    for i = 1, 5000 do
      huge["key" .. i] = 1
    end
    local _, reason = luacsi.encode("GetPluginInfoResponse", huge)
    assert.matches('^GetPluginInfoResponse: no field is called "key%d+"$', reason)
  end)

  it("keeps a nil beside a field from counting", function()
    assert.equal("", luacsi.encode("ProbeResponse", { ready = nil }))
  end)
end)

describe("bytes that are no message", function()
  it("give a reason", function()
    for _, hex in ipairs {
      "0a", "0a05 61", "08", "0b", "0a ffffffffffffffffff7f", "ffffffffffffffffffffff", "0900", "0d00", "0e",
        "00",
    } do
      local value, reason = luacsi.decode("GetPluginInfoResponse", bytes(hex))
      assert.is_nil(value)
      assert.matches("^GetPluginInfoResponse: not in the wire format of protobuf", reason)
    end
  end)
end)
