-- Other programs than luacsi: command.run { "tar", "--list" } runs one to its end.

local folder = require "spec.support.folder"
local process = require "spec.support.process"

local command = {}

-- Gives { code =, stdout =, stderr = }. options: env, stdin, cwd, limit (seconds). What it printed lies in a
-- folder that folder.remove_all removes.
function command.run(argv, options)
  options = options or {}
  local child = process.start(argv, {
    dir = folder.make(), env = options.env, stdin = options.stdin, cwd = options.cwd,
  })
  local code = child:wait(options.limit)
  return { code = code, stdout = child:stdout(), stderr = child:stderr() }
end

-- What it prints; an error unless it ends well.
function command.output(argv, options)
  local result = command.run(argv, options)
  if result.code ~= 0 then
    local told = result.stdout .. result.stderr
    error(("%s ends with %d\n%s"):format(table.concat(argv, " "), result.code, told), 2)
  end
  return result.stdout
end

return command
