-- Lines of src/ that run under the specs: `make coverage`, with the bar. What is left, and why, is told in
-- docs/reliability.md.

local command = require "spec.support.command"
local folder = require "spec.support.folder"
local luacsi = require "luacsi"
local process = require "spec.support.process"
local verdict = require "spec.support.verdict"

local BAR = 90.0 -- percent
local SUMMARY = "build/coverage/lines.json"
local LIMIT = 3600

local function run()
  local result = command.run({ "make", "--no-print-directory", "coverage" }, { limit = LIMIT })
  local passed = result.stdout:match("\n(%d+ passed, %d+ failed)\n")
  if result.code ~= 0 then
    io.stderr:write(result.stdout:sub(-8000), result.stderr:sub(-8000), "\n")
  end
  folder.remove_all()
  local rows = {
    {
      what = "the specs, in that build", bar = "all pass", figure = passed or "see above",
      ok = result.code == 0,
    },
  }
  if passed then
    local summary = luacsi.json.decode(process.read_file(SUMMARY))
    rows[2] = verdict.at_least("lines of src/ under the specs", BAR, summary.line_percent + 0.0, "%")
  end
  return rows
end

return { area = "coverage", run = run }
