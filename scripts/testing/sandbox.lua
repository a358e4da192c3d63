-- The global variables of a script that runs inside a test: those that the server gives it.

local csi_stub = require "luacsi.testing.csi"
local fault = require "luacsi.testing.fault"
local luacsi_tasks = require "luacsi.testing.tasks"

local sandbox = {}

local BASE = {
  "assert", "error", "ipairs", "next", "pairs", "pcall", "rawequal", "rawget", "rawlen", "rawset", "select",
  "tonumber", "tostring", "type", "xpcall", "_VERSION",
}

local function copy(from, names)
  local to = {}
  if names then
    for _, name in ipairs(names) do
      to[name] = from[name]
    end
  else
    for name, value in pairs(from) do
      to[name] = value
    end
  end
  return to
end

local function set_metatable(object, metatable)
  if type(metatable) == "table" then
    for _, name in ipairs { "__gc", "__concat" } do
      if rawget(metatable, name) ~= nil then
        error(("bad argument #2 to 'setmetatable' (%s is not available)"):format(name), 2)
      end
    end
  end
  return setmetatable(object, metatable)
end

local function get_metatable(object)
  return type(object) ~= "string" and getmetatable(object)
end

local function collect(option)
  if option ~= nil and option ~= "collect" and option ~= "count" then
    error(("bad argument #1 to 'collectgarbage' (invalid option '%s')"):format(tostring(option)), 2)
  end
  return collectgarbage(option)
end

-- os.time and os.date, whose now is that of the clock.
local function add_clock(os_library, tasks)
  function os_library.time(at)
    return at and os.time(at) or math.floor(tasks.now)
  end

  function os_library.date(format, at)
    return os.date(format, at or math.floor(tasks.now))
  end
end

-- Letters, digits, _ and -, with single dots between.
local function is_module_name(name)
  return type(name) == "string" and not ("." .. name .. "."):find "%.%." and not name:find "[^%w_.-]"
end

-- require of a script: csi, what lies inside of luacsi, and files beside the script.
local function add_require(env, script)
  local LOADING = {}
  local modules = {}

  local function open(name)
    local file = name:gsub("%.", "/") .. ".lua"
    if name == "csi.fault" then
      script.fault_half = fault.new(script, csi_stub)
      return script:run_embedded(file, name, script.fault_half)
    elseif name:find "^csi%." then
      return script:run_embedded(file, name)
    end
    local chunk, message = script:load_file((script.folder or ".") .. "/" .. file)
    if not chunk then
      error(("module '%s' not found: %s"):format(name, message), 3)
    end
    return chunk(name)
  end

  function env.require(name)
    if not is_module_name(name) then
      error("bad argument #1 to 'require' (expected a module name such as \"checks\" or \"lib.tcp\")", 2)
    elseif name == "csi" then
      return script.csi
    elseif modules[name] == LOADING then
      error(("module '%s' requires itself, perhaps by way of others"):format(name), 2)
    elseif modules[name] == nil then
      modules[name] = LOADING
      local ok, module = pcall(open, name)
      modules[name] = ok and (module == nil or module) or nil
      if not ok then
        error(module, 0)
      end
    end
    return modules[name]
  end
end

-- script: see luacsi.testing.script.
function sandbox.new(script)
  local env = copy(_G, BASE)
  env._G = env
  env.math, env.utf8, env.table = copy(math), copy(utf8), copy(table)
  env.string = copy(string)
  env.string.dump = nil
  env.os = copy(os, { "clock", "difftime" })
  env.coroutine = luacsi_tasks.coroutines()
  env.setmetatable, env.getmetatable, env.collectgarbage = set_metatable, get_metatable, collect
  add_clock(env.os, script.tasks)
  add_require(env, script)

  function env.load(chunk, name, _, own)
    return load(chunk, name, "t", own or env)
  end

  function env.print(...)
    local words = {}
    for i = 1, select("#", ...) do
      words[i] = tostring((select(i, ...)))
    end
    script.csi.log.info(table.concat(words, "\t"))
  end

  return env
end

return sandbox
