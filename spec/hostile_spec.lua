-- Each script in examples/hostile/ ends as its first lines say, and harms nobody else.
--
--   -- expects: Probe INTERNAL stack overflow    a call, the status that it ends in, a part of its message;
--                                                several with ; between are made one after the other
--   -- expects: load stack overflow              the script does not load: a part of what serve says
--   -- or: RESOURCE_EXHAUSTED                  how any call may end as well, by the moment at which it comes
--   -- flags: --memory=32MB                      besides those below
--   -- stuck: 1                                  threads that have to be given up
--   -- keeps: 32MB                               memory that it may hold outside of Lua: csi.store

local host = require "spec.support.host"
local process = require "spec.support.process"
local usage = require "spec.support.usage"
local wait = require "spec.support.wait"

local FOLDER = "examples/hostile/"
local GOOD_CALLS = 100
local SLACK_KB = 8192

-- A sanitizer or valgrind: slow, and with memory of its own.
local SLOW = (os.getenv("LUACSI") or ""):find("luacsi%-%l+") or os.getenv("LUACSI_WRAPPER")

local FLAGS = { "--memory=16MB", "--no-watch", "--grace=1s" }

-- Time is what ends most of them. The others have so much of it that a busy machine changes nothing.
local LITTLE_CPU = SLOW and "--handler-cpu=400ms" or "--handler-cpu=100ms"
local LITTLE_WALL = SLOW and "--handler-timeout=4s" or "--handler-timeout=1s"

local function time_flags(expects)
  if expects:find "^load" then
    return LITTLE_CPU, "--handler-timeout=5s" -- one that is stuck ends by it
  elseif expects:find "DEADLINE" or expects:find "OK" then
    return LITTLE_CPU, LITTLE_WALL
  end
  return "--handler-cpu=20s", "--handler-timeout=40s"
end

-- Lua leaves C functions by longjmp. ThreadSanitizer does not see that, and its stack is full after 65,536
-- errors or yields: under it only those run that are about something else.
local TOO_MUCH_FOR_TSAN = {
  "^coroutine", "^memory", "^flood", "^concat", "^rep", "^loop%-errors", "^recursion", "%-huge",
}

local function is_run(name)
  for _, pattern in ipairs(host.HAS_TSAN and TOO_MUCH_FOR_TSAN or {}) do
    if name:find(pattern) then
      return false
    end
  end
  return true
end

-- What the first lines of a script say.
local function read_script(name)
  local script = { path = FOLDER .. name, flags = { table.unpack(FLAGS) }, stuck = 0, calls = {} }
  local text = process.read_file(script.path)
  for _, flag in ipairs { time_flags(text:match "%-%- expects: ([^\n]*)") } do
    table.insert(script.flags, flag)
  end
  for key, value in text:gmatch("%-%- (%l+): ([^\n]*)") do
    script[key] = key == "flags" and script.flags or value
    for flag in (key == "flags" and value or ""):gmatch("%S+") do
      table.insert(script.flags, flag)
    end
  end
  script.load = script.expects:match("^load (.*)")
  local calls = script.load and "" or script.expects .. ";"
  for method, code, message in calls:gmatch("(%S+) ([%u_]+) ?([^;]*);") do
    table.insert(script.calls, { method = method, code = code, message = message })
  end
  assert(script.load or #script.calls > 0, name .. ": nothing is expected")
  return script
end

-- The last of the flags counts.
local function memory_kb(script)
  local limit
  for _, flag in ipairs(script.flags) do
    limit = tonumber(flag:match("^%-%-memory=(%d+)MB")) or limit
  end
  return (limit + tonumber(((script.keeps or "0"):match("%d+")))) * 1024
end

-- What another process that makes the call is told: code and message. Calls other() meanwhile.
local function call_beside(server, method, other)
  local child = host.start { "call", "--endpoint", server.endpoint, "--timeout=60s", "--json", method }
  assert(wait.for_(function()
    other()
    return child.code
  end, 60), "no answer")
  child.done = true
  if child.code == 0 then
    return "OK", child:stdout()
  end
  local code, message = child:stderr():match("^([%u_]+): (.*)\n$")
  return code, message or child:stderr()
end

-- Somebody else is answered while it happens: well or, for want of memory or of the state, not.
local function ask_beside(client)
  local reply, code, message = client:call("GetPluginInfo", {}, { timeout = 10 })
  if not reply and code ~= "RESOURCE_EXHAUSTED" and code ~= "UNAVAILABLE" then
    error(("another caller got %s: %s"):format(code, message))
  end
end

-- also: a status that not all of them may end in.
local function good_calls(client, also)
  local good = 0
  for _ = 1, GOOD_CALLS do
    local reply, code, message = client:call("GetPluginInfo", {}, { timeout = 10 })
    if not code or code ~= also then
      assert.same({ "hostile.example.com" }, { reply and reply.name, code, message })
      good = good + 1
    end
  end
  assert.is_true(good > 0)
end

local function refused(script)
  local ended = host.serve_refused { file = script.path, flags = script.flags, limit = SLOW and 60 or nil }
  assert.equal(1, ended.code)
  assert.matches(script.load, ended.stderr, 1, true)
end

local function served(script)
  local server = host.serve { file = script.path, flags = script.flags }
  local client, pid = server:connect(), server.process.pid
  local function ask() ask_beside(client) end
  ask()
  local memory, open = usage.memory_kb(pid), usage.descriptors(pid)
  for _, call in ipairs(script.calls) do
    local code, message = call_beside(server, call.method, ask)
    if code ~= script["or"] then
      assert.equal(call.code, code, message)
      assert.matches(call.message, message, 1, true)
    end
    assert.is_nil(call.method == "Probe" and message:find '"ready":false' or nil, "Probe: not ready")
  end
  good_calls(client, script["or"])
  local given_up = select(2, server:log():gsub("stuck inside one C function", ""))
  assert.equal(tonumber(script.stuck), given_up, "threads given up")
  assert(wait.for_(function() return usage.descriptors(pid) <= open end),
    ("%d open descriptors before, %d after"):format(open, usage.descriptors(pid)))
  if not SLOW then
    -- Twice: malloc keeps what large blocks were in, and what small ones were in.
    local most = memory + 2 * memory_kb(script) + SLACK_KB
    local now = usage.memory_kb(pid)
    assert(now <= most, ("%d KiB before, %d KiB after"):format(memory, now))
  end
  server:stop()
end

describe("a hostile script ends as listed:", function()
  after_each(host.teardown)

  for _, name in ipairs(host.files_in(FOLDER)) do
    local script = read_script(name)
    if is_run(name) then
      it(name:gsub("%.lua$", ""), function()
        (script.load and refused or served)(script)
      end)
    end
  end
end)

describe("a hostile script, again and again,", function()
  after_each(host.teardown)

  -- The first few times may each leave another hole in malloc's memory, and a later one may find it in use.
  local function flat(name)
    local script = read_script(name .. ".lua")
    local server = host.serve { file = script.path, flags = script.flags }
    local client, after = server:connect(), {}
    local is_flat
    repeat
      client:call("Probe", {}, { timeout = 60 })
      table.insert(after, usage.memory_kb(server.process.pid))
      is_flat = SLOW or #after > 4 and after[#after] <= after[4] + SLACK_KB / 2
    until #after >= 6 and is_flat or #after == 10
    good_calls(client)
    assert(is_flat, table.concat(after, " ") .. " KiB")
  end

  for _, name in ipairs {
    "memory-table", "memory-strings", "memory-closures", "memory-replies", "memory-kept",
    "coroutine-flood-kept", "recursion-require", "flood-json-memory", "reply-huge", "run-storm", "error-huge",
    "wait-for-ever",
  } do
    if is_run(name) then
      it("takes no more memory: " .. name, function() flat(name) end)
    end
  end
end)
