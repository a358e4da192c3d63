-- Ways around --memory that there were. Memory for small blocks was kept by the size of the block: a script
-- that filled the limit with strings of 16 bytes, then of 32, and so on, had the limit once for each size.
-- The bytes of prepared replies lie outside of Lua, and were not counted. The names of modules that are not
-- there were all remembered. JSON takes 50 times its size while it is read, in memory that is not Lua's.

local host = require "spec.support.host"
local usage = require "spec.support.usage"

-- A sanitizer or valgrind has memory of its own.
local CANNOT_TELL = (os.getenv("LUACSI") or ""):find("luacsi%-") or os.getenv("LUACSI_WRAPPER")

local LIMIT_KB = 8192

-- Calls Probe n times; how many KiB are resident afterwards that were not before.
local function growth(n, probe)
  local server = host.serve {
    script = ([[
      local csi = require "csi"
      local kept, turn = {}, 0
      return {
        GetPluginInfo = { name = "memory.csi.example.com", vendor_version = "1" },
        Probe = function()
          turn = turn + 1
          %s
        end,
      }]]):format(probe),
    flags = { "--memory", "8MB", "--validate", "off", "--handler-cpu", "10s", "--handler-timeout", "60s" },
  }
  local client = server:connect()
  client:call("GetPluginInfo")
  local before = usage.memory_kb(server.process.pid)
  for _ = 1, n do
    client:call("Probe", {}, { timeout = 60 })
  end
  return CANNOT_TELL and 0 or usage.memory_kb(server.process.pid) - before
end

local function assert_within(times, kb)
  assert(kb < times * LIMIT_KB, kb .. " KiB")
end

describe("--memory is the limit", function()
  after_each(host.teardown)

  it("for blocks of all sizes together", function()
    assert_within(4, growth(CANNOT_TELL and 3 or 25, [[
      pcall(function()
        local t = {}
        for i = 1, math.huge do t[i] = ("x"):rep(turn * 16) .. i end
      end)
      return { ready = true }]]))
  end)

  it("for prepared replies", function()
    assert_within(4, growth(20, [[
      while true do
        kept[#kept + 1] = csi.reply("NodeGetInfo", { node_id = ("x"):rep(1 << 16) })
      end]]))
  end)

  it("for the names of modules", function()
    assert_within(3, growth(5, ([[
      for i = 1, %d do pcall(require, turn .. ("x"):rep(180) .. i) end
      return { ready = true }]]):format(CANNOT_TELL and 1000 or 100000)))
  end)

  it("for JSON, a text at a time", function()
    assert_within(4, growth(3, [[
      local _, message = csi.json.decode("[" .. ("[],"):rep(1000000) .. "1]")
      csi.fail("ABORTED", message)]]))
  end)
end)
