-- The Lua half of the csi module. The host runs it once for a state, with the C half as its argument.
local csi = ...

local function misuse(level, function_name, text, ...)
  error(("bad argument #1 to '%s' (%s)"):format(function_name, text:format(...)), level + 1)
end

-- The checks in list, or an error that names the one that is none.
local function checks_of(list, where)
  if type(list) ~= "table" then
    misuse(3, "readiness", "%s: expected a list of checks, got %s", where, type(list))
  end
  for i = 1, #list do
    if getmetatable(list[i]) ~= "csi.check" then
      misuse(3, "readiness", "%s[%d]: expected a check, got %s", where, i, type(list[i]))
    end
  end
  return table.move(list, 1, #list, 1, {})
end

-- csi.readiness{check, …, advisory = {check, …}}: a handler for Probe that answers from the states of
-- checks. One that is down: FAILED_PRECONDITION with its name and reason. Else, one that is not up yet:
-- ready = false. Else ready = true. Advisory checks are run and logged, and change nothing.
-- @class csi.readiness_checks
-- @field [integer] csi.check
-- @field advisory? csi.check[]
-- @param checks csi.readiness_checks
-- @return csi.handler.Probe
function csi.readiness(checks)
  local required = checks_of(checks, "checks")
  checks_of(checks.advisory or {}, "advisory")
  for key in pairs(checks) do
    if key ~= "advisory" and not (math.type(key) == "integer" and key >= 1 and key <= #checks) then
      misuse(2, "readiness", "unknown key %s", tostring(key))
    end
  end
  local ready = csi.reply("Probe", { ready = true })
  local starting = csi.reply("Probe", { ready = false })
  return function()
    local reply = ready
    for i = 1, #required do
      local check = required[i]
      local state = check.state
      if state == "down" then
        csi.fail("FAILED_PRECONDITION", check.name .. ": " .. (check.reason or "down"))
      elseif state ~= "up" then
        reply = starting
      end
    end
    return reply
  end
end

-- csi.coalesce(handler): a handler of which the same request never runs twice at once: who asks while it
-- runs waits for that run and gets the same answer. The run goes on when the caller that began it leaves.
-- @generic H: function
-- @param handler H
-- @return H
function csi.coalesce(handler)
  if type(handler) ~= "function" then
    misuse(2, "coalesce", "function expected, got %s", type(handler))
  end
  local under_way = setmetatable({}, { __mode = "v" }) -- by request, as JSON; its run holds the value
  return function(request, context)
    local key = csi.json.encode(request)
    local this = under_way[key]
    if not this or this.run:is_done() then
      this = {}
      this.run = csi.run(function()
        this.answer = table.pack(handler(request, context))
      end)
      under_way[key] = this
    end
    local code, message = this.run:wait()
    if code then
      csi.fail(code, message)
    end
    return table.unpack(this.answer, 1, this.answer.n)
  end
end
