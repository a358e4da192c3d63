-- luacsi on a terminal of its own, which `script` (of util-linux) makes: what is typed, and what is shown.

local process = require "spec.support.process"
local uv = require "luv"
local wait = require "spec.support.wait"

local terminal = {}
local Terminal = { __index = {} }

-- Starts a command line. env: changes of the environment.
function terminal.start(line, env)
  local self = setmetatable({ input = uv.new_pipe(false), output = uv.new_pipe(false), shown = "" }, Terminal)
  env = env or {}
  env.TERM, env.LC_ALL = "xterm", "C.UTF-8"
  self.handle = assert(uv.spawn("script", {
    -- Without exec, a shell that waits for it would end at Ctrl-C, and give its own exit status.
    args = { "--quiet", "--flush", "--return", "--command", "exec " .. line, "/dev/null" },
    stdio = { self.input, self.output },
    env = process.environment(env),
  }, function(code)
    self.code = code
    self.handle:close()
  end))
  self.output:read_start(function(_, data)
    self.shown = self.shown .. (data or "")
  end)
  return self
end

function Terminal.__index:type(text)
  self.input:write(text)
end

-- Waits until the text is shown, and forgets all up to its end.
function Terminal.__index:wait_for(text)
  local first = wait.for_(function() return self.shown:find(text, 1, true) end)
  if not first then
    error(("never shown: %q; but: %q"):format(text, self.shown), 2)
  end
  self.shown = self.shown:sub(first + #text)
end

-- Waits for the end; gives the exit status.
function Terminal.__index:finish()
  if not wait.for_(function() return self.code end) then
    self.handle:kill("sigkill")
    error(("does not end; shown: %q"):format(self.shown), 2)
  end
  self.input:close()
  self.output:close()
  return self.code
end

return terminal
