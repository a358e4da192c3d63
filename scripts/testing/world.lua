-- The functions of csi that look at the world, for a script inside a test: they see what the test made up, at
-- once. The test gives tables, which it may change between calls:
--
--   files    path to content (a string), or to a table like that of csi.stat, perhaps with content
--   exec     command line, or its first word, to { status =, stdout =, stderr = }
--   http     URL to { status =, body =, headers = }
--   connect  address to true
--   call     endpoint to another script that the test has loaded
--   mounts   a list of mounts
--
-- In place of any value: { code =, message = }, the failure, or a function that gets the arguments of the
-- call and returns what the script shall get. What is in none of the tables is not there. A table that is
-- missing altogether is a mistake of the test.

local check = require "luacsi.testing.check"

local world = {}

-- The table called name, which the test must have given to the script.
local function given(script, name, caller)
  local values = script.options[name]
  if not values then
    error(("%s: the test gives no %s: testing.load { ..., %s = { ... } }"):format(caller, name, name), 3)
  end
  return values
end

-- What the test says at key, through its function if it is one: value; or nil and the failure as three
-- values.
local function look(values, key, missing, ...)
  local value = values[key]
  if type(value) == "function" then
    return true, value(...)
  elseif value == nil then
    return true, nil, ("%s: %s"):format(key, missing[2]), missing[1]
  elseif type(value) == "table" and value.code and value.message then
    return true, nil, value.message, value.code
  end
  return false, value
end

local NO_FILE = { "NOT_FOUND", "No such file or directory" }
local NOBODY = { "UNAVAILABLE", "Connection refused" }
local NO_PROGRAM = { "NOT_FOUND", "no such program" }

-- ---- files ----

local function check_path(name, path)
  check.type(1, name, path, "string")
  if path == "" or path:find "\0" then
    check.misuse(1, name, "expected a path")
  end
end

local function stat_of(file, now)
  if type(file) == "string" then
    file = { content = file }
  end
  return {
    type = file.type or "file",
    size = file.size or #(file.content or ""),
    mtime = file.mtime or now,
    mode = file.mode or 420,
  }
end

local function add_files(csi, script)
  local known = { timeout = true }

  function csi.stat(path, options)
    check_path("stat", path)
    check.options(2, "stat", options, known)
    local files = given(script, "files", "csi.stat")
    local is_whole, file, message, code = look(files, path, NO_FILE, path, options)
    if is_whole then
      return file, message, code
    end
    return stat_of(file, script.tasks.now)
  end

  function csi.read(path, options)
    check_path("read", path)
    check.options(2, "read", options, known)
    local files = given(script, "files", "csi.read")
    local is_whole, file, message, code = look(files, path, NO_FILE, path, options)
    if is_whole then
      return file, message, code
    elseif type(file) == "string" then
      return file
    elseif (file.type or "file") ~= "file" then
      local kind = file.type == "directory" and "directory" or "special file"
      return nil, ("%s: expected a regular file, got a %s"):format(path, kind), "FAILED_PRECONDITION"
    end
    return file.content or ""
  end

  function csi.mounts()
    local mounts = given(script, "mounts", "csi.mounts")
    return table.move(mounts, 1, #mounts, 1, {})
  end
end

-- ---- programs ----

local function add_exec(csi, script)
  local known = { timeout = true, stdin = true, env = true, limit = true }

  function csi.exec(argv, options)
    check.type(1, "exec", argv, "table")
    check.options(2, "exec", options, known)
    for i = 1, math.max(#argv, 1) do
      if type(argv[i]) ~= "string" then
        check.misuse(1, "exec", "[%d]: expected string without NUL", i)
      end
    end
    script:check_wait("csi.exec")
    local programs, line = given(script, "exec", "csi.exec"), table.concat(argv, " ")
    local key = programs[line] ~= nil and line or argv[1]
    local is_whole, result, second, third, fourth = look(programs, key, NO_PROGRAM, argv, options)
    if is_whole then
      return result, second, third, fourth
    end
    return result.status or 0, result.stdout or "", result.stderr or "", false
  end
end

-- ---- the network ----

local function add_net(csi, script)
  local of_connect = { timeout = true }
  local of_http = {
    method = true, headers = true, body = true, timeout = true, cacert = true, unix_socket = true,
  }
  local of_call = { timeout = true, metadata = true }

  function csi.connect(address, options)
    check.type(1, "connect", address, "string")
    check.options(2, "connect", options, of_connect)
    script:check_wait("csi.connect")
    local listeners = given(script, "connect", "csi.connect")
    return select(2, look(listeners, address, NOBODY, address, options))
  end

  function csi.http(url, options)
    check.type(1, "http", url, "string")
    check.options(2, "http", options, of_http)
    script:check_wait("csi.http")
    local servers = given(script, "http", "csi.http")
    local is_whole, result, second, third = look(servers, url, NOBODY, url, options)
    if is_whole then
      return result, second, third
    end
    return result.status or 200, result.body or "", result.headers or {}
  end

  function csi.call(endpoint, method, request, options)
    check.type(1, "call", endpoint, "string")
    check.type(2, "call", method, "string")
    check.optional(3, "call", request, "table")
    check.options(4, "call", options, of_call)
    script:check_wait("csi.call")
    local drivers = given(script, "call", "csi.call")
    local is_whole, result, second, third = look(drivers, endpoint, NOBODY, endpoint, method, request,
      options)
    if is_whole then
      return result, second, third
    end
    local reply, code, message = result:call(method, request, options)
    if reply then
      return script.plain(reply)
    end
    return nil, message, code
  end
end

function world.add(csi, script)
  add_files(csi, script)
  add_exec(csi, script)
  add_net(csi, script)
end

return world
