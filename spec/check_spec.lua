-- luacsi check: what is wrong with a script, line by line, before it serves.

local host = require "spec.support.host"
local luacsi = require "luacsi"
local process = require "spec.support.process"

local function assert_result(code, stdout, stderr, result)
  assert.same({ code = code, stdout = stdout, stderr = stderr }, result)
end

describe("luacsi check", function()
  after_each(host.teardown)

  -- Writes scripts and checks them, perhaps with a flag; the working directory is theirs.
  local function check(scripts, flag)
    local folder = host.folder()
    local names = {}
    for name, text in pairs(scripts) do
      process.write_file(folder .. "/" .. name, text)
      names[#names + 1] = name
    end
    table.sort(names)
    return host.run({ "check", flag or "--", table.unpack(names) }, { cwd = folder })
  end

  local GOOD = [[return {
    GetPluginInfo = { name = "good.example.com", vendor_version = "1" },
    Probe = function() return { ready = true } end,
  }]]
  local WARNED = [[return {
    GetPluginInfo = { name = "1st.example.com", vendor_version = "1" },
    Probe = function()
      return {}
    end,
  }]]
  local BROKEN = [[return {
    GetPluginInfo = function() return { name = "b.example.com" } end,
    Probee = {},
    GetPluginCapabilities = { capabilities = { 1 } },
  }]]
  local VIOLATING = [[return {
    GetPluginInfo = { name = "-", vendor_version = "1" },
    GetPluginCapabilities = function()
      return { capabilities = { {}, { service = {} } } }
    end,
  }]]

  it("finds nothing wrong", function()
    assert_result(0, "a.lua: ok\n", "", check { ["a.lua"] = GOOD })
    assert_result(0, '{"script":"a.lua","ok":true,"problems":[]}\n', "",
      check({ ["a.lua"] = GOOD }, "--json"))
  end)

  it("warns of what callers stumble over", function()
    assert_result(0, 'a.lua:2: warning: GetPluginInfoResponse.name: csi-sanity fails a name that does not '
      .. [[begin and end with a letter, got "1st.example.com"
a.lua:3: warning: ProbeResponse.ready: csc crashes when it is absent; set it to true or false
a.lua: 0 errors, 2 warnings
]], "", check { ["a.lua"] = WARNED })
  end)

  it("tells all that serve would refuse, with file and line", function()
    local result = check { ["a.lua"] = BROKEN }
    assert.same({ 1, "" }, { result.code, result.stderr })
    local expected = {
      "a.lua:3: error: CSI has no method Probee (did you mean Probe?)",
      "a.lua:4: error: GetPluginCapabilitiesResponse.capabilities[1]: expected table, got number 1",
    }
    for _, line in ipairs(expected) do
      assert.truthy(result.stdout:find(line .. "\n", 1, true), result.stdout)
    end
    for line in result.stdout:gmatch("[^\n]+") do
      assert(line:find "^a%.lua:%d+: %a+: %S" or line == "a.lua: 2 errors, 0 warnings", line)
    end
  end)

  it("tells all violations of the specification, with the section", function()
    local result = check { ["a.lua"] = VIOLATING }
    assert.equal(1, result.code)
    local expected = {
      "a.lua:2: error: GetPluginInfoResponse.name: expected letters and digits",
      "a.lua:3: error: GetPluginCapabilitiesResponse.capabilities[1]: expected type",
      "a.lua:3: error: GetPluginCapabilitiesResponse.capabilities[2].service.type: expected enum value",
      "(CSI 1.12.0, GetPluginCapabilities)\n",
      "a.lua: 3 errors, ",
    }
    for _, text in ipairs(expected) do
      assert.truthy(result.stdout:find(text, 1, true), result.stdout)
    end
  end)

  it("looks at what a handler answers", function()
    local result = check { ["a.lua"] = [[return {
      GetPluginInfo = { name = "a.example.com", vendor_version = "1" },
      Probe = function() error("oops") end,
      GetPluginCapabilities = function() return 1 end,
    }]] }
    assert.equal(1, result.code)
    assert.truthy(result.stdout:find("a.lua:3: error: Probe ends in INTERNAL: ", 1, true), result.stdout)
    assert.truthy(result.stdout:find("a.lua:4: error: GetPluginCapabilities ends in INTERNAL: ", 1, true))
  end)

  it("names the line of the script where the handler was made elsewhere", function()
    local result = check { ["coalesced.lua"] = [[
      local csi = require "csi"
      return {
        GetPluginInfo = { name = "a.example.com", vendor_version = "1" },
        Probe = csi.coalesce(function() return { ready = false } end),
      }
    ]] }
    assert.matches("^coalesced%.lua:4: warning: ", result.stdout)
  end)

  it("leaves out the rules with --validate off", function()
    assert.equal(0, check({ ["a.lua"] = VIOLATING }, "--validate=off").code)
  end)

  it("judges each of several scripts", function()
    local result = check { ["a.lua"] = GOOD, ["b.lua"] = BROKEN, ["c.lua"] = WARNED }
    assert.equal(1, result.code)
    assert.truthy(result.stdout:find("^a.lua: ok\nb.lua:"))
    assert.truthy(result.stdout:find("\nb.lua: 2 errors, 0 warnings\n", 1, true))
    assert.truthy(result.stdout:find("\nc.lua: 0 errors, 2 warnings\n$"))
  end)

  it("prints a line of JSON for each", function()
    local result = check({ ["a.lua"] = GOOD, ["b.lua"] = BROKEN, ["c.lua"] = WARNED }, "--json")
    local verdicts = {}
    for line in result.stdout:gmatch("[^\n]+") do
      verdicts[#verdicts + 1] = assert(luacsi.json.decode(line))
    end
    assert.same({ "a.lua", true, 0 }, { verdicts[1].script, verdicts[1].ok, #verdicts[1].problems })
    assert.same({ "b.lua", false, 2 }, { verdicts[2].script, verdicts[2].ok, #verdicts[2].problems })
    assert.same({ "c.lua", true, 2 }, { verdicts[3].script, verdicts[3].ok, #verdicts[3].problems })
    assert.same({ severity = "warning", line = 3,
      text = "ProbeResponse.ready: csc crashes when it is absent; set it to true or false" },
      verdicts[3].problems[2])
  end)

  it("ends when a script is stuck inside one C function, as it loads or in a handler", function()
    local stuck = 'string.find(("a"):rep(3000), ("a-"):rep(6) .. "b")'
    local result = check({ ["a.lua"] = GOOD, ["b.lua"] = stuck .. " return {}" }, "--handler-timeout=200ms")
    assert.same({ 1, "a.lua: ok\n" }, { result.code, result.stdout })
    assert.matches("b%.lua: loading is stuck inside one C function", result.stderr)
    result = check({ ["a.lua"] = ([[return {
      GetPluginInfo = { name = "a.example.com", vendor_version = "1" },
      Probe = function() %s end,
    }]]):format(stuck) }, "--handler-timeout=200ms")
    assert.equal(1, result.code)
    assert.matches("a%.lua: Probe is stuck inside one C function", result.stderr)
  end)

  it("says what it cannot read", function()
    local result = host.run { "check", "/nowhere/a.lua" }
    assert.equal(1, result.code)
    assert.truthy(result.stdout:find("/nowhere/a.lua: error: No such file or directory\n", 1, true))
  end)

  it("wants a script", function()
    assert_result(2, "", "luacsi check: expected SCRIPT..., got nothing\n", host.run { "check" })
  end)
end)
