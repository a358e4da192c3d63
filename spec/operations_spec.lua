-- docs/operations.md, held against the binary: every flag, metric, exit code, path and log message is
-- there, and nothing else.

local host = require "spec.support.host"
local http = require "spec.support.http"
local process = require "spec.support.process"
local prometheus = require "spec.support.prometheus"
local uv = require "luv"

local TEXT = process.read_file("docs/operations.md")

-- The text below a heading, up to the next one of the same or a higher level.
local function section(heading)
  local level = heading:match("^#+")
  local start = assert(TEXT:find("\n" .. heading .. "\n", 1, true), heading) + #heading + 1
  local stop = #TEXT
  for position, hashes in TEXT:sub(start):gmatch("\n()(#+) ") do
    if #hashes <= #level then
      stop = start + position - 2
      break
    end
  end
  return TEXT:sub(start, stop)
end

-- The rows of the tables in a text: lists of cells.
local function rows(text)
  local list = {}
  for line in text:gmatch("\n|([^\n]+)|") do
    local cells = {}
    for cell in (line .. "|"):gmatch(" ?(.-) ?|") do
      cells[#cells + 1] = cell
    end
    if not cells[1]:find("^%-+$") then
      list[#list + 1] = cells
    end
  end
  return list
end

-- What stands between backticks.
local function quoted(cell)
  local list = {}
  for word in cell:gmatch("`([^`]+)`") do
    list[#list + 1] = word
  end
  return list
end

local function help(command)
  return host.run({ command, "--help" }).stdout
end

local COMMANDS = {}
for name in host.run({ "--help" }).stdout:gmatch("\n  (%l+) ") do
  COMMANDS[#COMMANDS + 1] = name
end

-- The section about a command's flags: `### luacsi call, info` is about both.
local function flags_section(command)
  for heading in TEXT:gmatch("\n(### luacsi [^\n]+)") do
    if (heading:sub(11) .. ","):find(" " .. command .. ",", 1, true) then
      return section(heading)
    end
  end
  error("no section about the flags of " .. command)
end

describe("docs/operations.md", function()
  after_each(host.teardown)

  it("knows all commands", function()
    assert.is_true(#COMMANDS >= 8)
  end)

  for _, command in ipairs(COMMANDS) do
    it("has the flags of " .. command .. " with their variables and defaults", function()
      local from_help, from_document = {}, {}
      local pattern = "\n  (%-+[^\n]-)   %[([^%]\n]+)%]\n      ([^\n]*)"
      for names, variables, text in help(command):gmatch(pattern) do
        local first = names:match("^%S-,?$") or names:match("^[^%s,]+")
        local alias = names:match(", (%-%S+)$")
        from_help[first .. (alias and ", " .. alias or "")] = {
          variables, text:match("%(default (.-)%)$"),
        }
      end
      for _, cells in ipairs(rows(flags_section(command))) do
        if cells[1] ~= "flag" then
          local default = from_help[table.concat(quoted(cells[1]), ", ")]
          from_document[table.concat(quoted(cells[1]), ", ")] = {
            table.concat(quoted(cells[2]), ", "), default and default[2] and quoted(cells[3])[1] or nil,
          }
        end
      end
      assert.same(from_help, from_document)
      assert.truthy(next(from_help))
    end)

    it("has the exit codes of " .. command, function()
      local from_help, from_document = {}, {}
      local text = help(command):match("\nExit codes: (.*)$")
      for code in ("; " .. text:gsub("\n", " ")):gmatch("; (%d+) ") do
        from_help[code] = true
      end
      for _, cells in ipairs(rows(section "## Exit codes")) do
        for _, name in ipairs(quoted(cells[1])) do
          from_document[cells[2]] = from_document[cells[2]] or name == command or nil
        end
      end
      assert.same(from_help, from_document)
    end)
  end

  local function metrics_in(text)
    local families = {}
    for _, cells in ipairs(rows(text)) do
      local name = quoted(cells[1])[1]
      if name then
        families[name] = cells[2]
      end
    end
    return families
  end

  local function metrics_of(port)
    local families = {}
    for name, family in pairs(prometheus.parse(http.get(port, "/metrics").body)) do
      families[name] = family.type
    end
    return families
  end

  it("has the metrics and paths of serve and of liveness", function()
    local serves, polls = section("## Metrics"):match("^(.-)\nOf `luacsi liveness`:\n(.*)$")
    local paths = section "## HTTP"
    local server, port = http.serve { file = "examples/hello.lua" }
    assert.same(metrics_in(serves), metrics_of(port))

    local liveness_port = host.free_port()
    local liveness = host.start {
      "liveness", "--endpoint", server.endpoint, "--http-endpoint", "127.0.0.1:" .. liveness_port,
    }
    http.wait_for(liveness_port)
    assert.same(metrics_in(polls), metrics_of(liveness_port))

    local of_serve, of_liveness = paths:match("^(.-)\n`luacsi liveness` stands(.*)$")
    for text, number in pairs { [of_serve] = port, [of_liveness] = liveness_port } do
      local listed = {}
      for _, cells in ipairs(rows(text)) do
        local path = quoted(cells[1])[1]
        if path then
          listed[#listed + 1] = path
          assert.equal(200, http.get(number, path).code, path)
        end
      end
      local told = http.get(number, "/none").body:match("^try (.*)\n$"):gsub(" or ", ", ")
      local all = {}
      for path in told:gmatch("[^, ]+") do
        all[#all + 1] = path
      end
      table.sort(all)
      table.sort(listed)
      assert.same(all, listed)
    end
    liveness:signal "sigterm"
    assert.equal(0, liveness:wait())
  end)

  -- The messages that the sources write, as far as they are constants.
  local function messages_in_sources()
    local found = {}
    for _, layer in ipairs(host.files_in "src") do
      local folder = "src/" .. layer
      for _, file in ipairs(uv.fs_stat(folder).type == "directory" and host.files_in(folder) or {}) do
        local text = file:find("%.c$") and process.read_file(folder .. "/" .. file) or ""
        for _, severity in ipairs { "info", "warning", "error" } do
          for message in text:gmatch("log_" .. severity .. '%("([^"]+)"') do
            found[message] = true
          end
        end
        for call in text:gmatch("log_write[_%l]*(%b())") do
          found[call:match(',%s*"([^"]+)"') or 0] = true -- else the message is no constant
        end
      end
    end
    found[0] = nil
    return found
  end

  it("has the messages of the log", function()
    local from_document = {}
    for _, cells in ipairs(rows(section "## The log")) do
      local message = quoted(cells[1])[1]
      if message and not message:find "^%-v" then
        from_document[message] = true
      end
    end
    assert.same(messages_in_sources(), from_document)
  end)

  it("has the signals", function()
    local text = section "## Signals"
    for _, name in ipairs { "SIGTERM", "SIGINT", "SIGHUP", "SIGPIPE" } do
      assert.truthy(text:find(name, 1, true), name)
    end
  end)
end)
