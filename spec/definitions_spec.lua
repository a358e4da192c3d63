-- The definitions for editors have all that a script can see: each function of csi, each RPC, each field.

local folder = require "spec.support.folder"
local host = require "spec.support.host"
local luacsi = require "luacsi"
local process = require "spec.support.process"

local LIST = [[
  local csi = require "csi"
  local function list(names, prefix, value)
    for key, item in pairs(value) do
      if type(key) == "string" then
        names[#names + 1] = prefix .. key .. " " .. type(item)
        if type(item) == "table" and prefix .. key ~= "csi.config" then
          list(names, prefix .. key .. ".", item)
        end
      end
    end
    return names
  end
  return {
    GetPluginInfo = { name = "list.example.com", vendor_version = "1" },
    CreateVolume = function()
      local names = list(list({}, "csi.", csi), "fault.", require "csi.fault")
      return { volume = { volume_id = csi.json.encode(names) } }
    end,
  }
]]

local texts -- of the definitions, by name of file

local function all()
  local parts = {}
  for _, text in pairs(texts) do
    parts[#parts + 1] = text
  end
  return table.concat(parts, "\n")
end

describe("the definitions for editors", function()
  setup(function()
    local dir = folder.make()
    assert.equal(0, host.run({ "init", "--definitions", dir }).code)
    texts = {}
    for _, name in ipairs(host.files_in(dir .. "/.luacsi")) do
      texts[name] = process.read_file(dir .. "/.luacsi/" .. name)
    end
    host.teardown()
  end)
  teardown(folder.remove_all)
  after_each(host.teardown)

  it("are Lua, and luacheck finds nothing in them", function()
    local n = 0
    for name, text in pairs(texts) do
      local file = assert(load(text, "=" .. name, "t"))
      assert.truthy(text:find("^%-%-%-@meta " .. name:gsub("%.lua$", ""):gsub("%p", "%%%0") .. "\n"))
      file()
      n = n + 1
    end
    assert.equal(5, n)
  end)

  it("have every function and value of csi and csi.fault", function()
    local connection = host.serve({ script = LIST, flags = { "--validate=off" } }):connect()
    local names = luacsi.json.decode(connection:call("CreateVolume", {}).volume.volume_id)
    assert.is_true(#names > 40)
    local text = all()
    for _, name in ipairs(names) do
      local path, kind = name:match "^(%S+) (%S+)$"
      local wanted = kind == "function" and ("\nfunction %s("):format(path) or ("\n%s = "):format(path)
      assert.truthy(text:find(wanted, 1, true), name)
    end
  end)

  it("have every field of the context", function()
    local real = host.serve { script = "return {}" }
    local connection = host.serve({ flags = { "--upstream", real.endpoint }, script = [[
      local csi = require "csi"
      return { CreateVolume = function(_, context)
        local names = {}
        for name in pairs(context) do
          names[#names + 1] = name
        end
        return { volume = { volume_id = csi.json.encode(names) } }
      end }]] }):connect()
    local reply = assert(connection:call("CreateVolume", { name = "v" }, { timeout = 60 }))
    local names = luacsi.json.decode(reply.volume.volume_id)
    assert.equal(6, #names)
    local class = texts["csi.lua"]:match "%-%-%-@class csi%.context\n(.-)\n\n"
    for _, name in ipairs(names) do
      assert.truthy(("\n" .. class):find("\n%-%-%-@field " .. name .. "%?? %S"), name)
    end
  end)

  it("describe every function, and type every parameter", function()
    local has_text, list = false, {}
    for line in (all() .. "\n"):gmatch "([^\n]*)\n" do
      local declared = line:match "^function [%w_.:]+(%b()) end$"
      if declared then
        assert.is_true(has_text, line)
        assert.equal(("(%s)"):format(table.concat(list, ", ")), declared, line)
      end
      if not line:find "^%-%-%-" then
        has_text, list = false, {}
      end
      has_text = has_text or line:find "^%-%-%- %a" ~= nil
      list[#list + 1] = line:match "^%-%-%-@param ([%w_.]+)"
    end
  end)

  it("have every RPC and every field of its messages", function()
    local text = texts["csi.messages.lua"]
    local seen = {}
    local function check(name)
      local fields, form = luacsi.fields(name)
      if form ~= "table" or seen[name] then
        return
      end
      seen[name] = true
      local class = text:match("%-%-%-@class %(exact%) csi%." .. name:gsub("%.", "%%.") .. "\n(.-)\n\n")
      assert.truthy(class, name)
      for _, field in ipairs(fields) do
        local pattern = "\n%-%-%-@field " .. field.name .. "%?? %S"
        assert.truthy(("\n" .. class):find(pattern), name .. "." .. field.name)
        if field.kind == "message" and not field.map then
          check(field.message)
        end
      end
    end
    local handlers = text:match "%-%-%-@class %(exact%) csi%.handlers\n(.*)$"
    for _, method in ipairs(luacsi.methods()) do
      if not method.streaming then
        assert.truthy(handlers:find(("@field %s? csi.handler.%s|csi.%s|"):format(method.name, method.name,
          method.response), 1, true), method.name)
        assert.truthy(text:find(("@alias csi.handler.%s fun(request: csi.%s, context: csi.context)")
          :format(method.name, method.request), 1, true), method.name)
        check(method.request)
        check(method.response)
      end
    end
    assert.is_true(seen.CreateVolumeRequest and seen.VolumeCapability)
  end)

  it("declare each type that they name", function()
    local text, declared = all(), {}
    for name in text:gmatch "%-%-%-@class ([^\n]*)" do
      declared[name:gsub("^%(exact%) ", ""):match "^[%w_.]+"] = true
    end
    for name in text:gmatch "%-%-%-@alias ([%w_.]+)" do
      declared[name] = true
    end
    local n = 0
    for rest in text:gmatch "%-%-%-@[pf][ai][re][al][md]? [%w_.]+%?? ([^\n]*)" do
      local kind = rest:match "^%b{}" or rest:match "^fun%b()%S*" or rest:match "^%S+"
      for name in kind:gsub('%b""', ""):gmatch "%f[%w]%a+%.[%w_.]*[%w_]" do
        assert.truthy(declared[name], name)
        n = n + 1
      end
    end
    assert.is_true(n > 100)
  end)
end)
