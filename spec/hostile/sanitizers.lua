-- The specs with an instrumented binary. In the short form ThreadSanitizer over specs in which threads meet,
-- and valgrind over one that brings much odd input in little time; .ci/run has AddressSanitizer and
-- UndefinedBehaviorSanitizer over all specs already. In the long form ThreadSanitizer over all specs, and
-- valgrind over those that leave a server, which runs thirty times slower, the time to begin.

local command = require "spec.support.command"
local folder = require "spec.support.folder"
local verdict = require "spec.support.verdict"

local LIMIT = 6 * 3600 -- seconds

local ALL = {} -- make's own list
-- Where the loop thread meets the I/O thread, a loader, the saver, the HTTP thread, one that is given up.
local THREADS = {
  "reload", "http", "shutdown", "store", "log", "check", "regression/lost_state", "regression/stuck_probe",
}
local VALGRIND = { "malformed" }
local VALGRIND_LONG = {
  "malformed", "rules", "identity", "wire", "record", "relay", "upstream", "control", "control_http",
  "session",
}

-- libgrpc is not instrumented; shadow memory wants addresses that are not at random.
local THREAD_ENV = { TSAN_OPTIONS = "ignore_noninstrumented_modules=1" }

local function short(names)
  local files = {}
  for i, name in ipairs(names) do
    files[i] = ("spec/%s_spec.lua"):format(name)
  end
  return #files > 0 and { "SPEC=" .. table.concat(files, " ") } or {}
end

-- make's arguments before the specs; their names. A report makes its spec fail.
local function specs(what, argv, names, env)
  local whole = table.move(short(names), 1, 1, #argv + 1, argv)
  local result = command.run(whole, { limit = LIMIT, env = env })
  local passed, failed = result.stdout:match ".*%f[%d](%d+) passed, (%d+) failed\n"
  if result.code ~= 0 then
    io.stderr:write(result.stdout, result.stderr)
  end
  local row = verdict.exactly(what, "no report", result.code == 0 and "no report" or "see above")
  row.figure = ("%s, %s specs passed, %s failed"):format(row.figure, passed, failed)
  return row
end

local function run(options)
  local long = options.long
  local rows = {
    specs("ThreadSanitizer", { "setarch", "-R", "make", "SANITIZE=thread", "test" }, long and ALL or THREADS,
      THREAD_ENV),
    specs("valgrind", { "make", "valgrind" }, long and VALGRIND_LONG or VALGRIND),
  }
  if long then
    local argv = { "make", "SANITIZE=address,undefined", "test" }
    table.insert(rows, specs("AddressSanitizer and UndefinedBehaviorSanitizer", argv, ALL))
  end
  folder.remove_all()
  return rows
end

return { area = "sanitizers", run = run }
