-- A server that runs the Lua that a call brings along: many small questions to one script.

local host = require "spec.support.host"
local luacsi = require "luacsi"

local eval = {}
local Eval = { __index = {} }

-- DeleteSnapshot is the handler that snapshot_id has the body of; CreateVolume shows, as JSON, what the
-- code in name returns.
local SCRIPT = [[
local csi = require "csi"

local function shown(value)
  local kind = type(value)
  if value == nil then
    return csi.json.null
  end
  return (kind == "function" or kind == "thread" or kind == "userdata") and kind or value
end

return {
  DeleteSnapshot = function(request, context)
    return assert(load(request.snapshot_id, "=code"))(request, context)
  end,

  CreateVolume = function(request, context)
    local results = table.pack(assert(load(request.name, "=code"))(request, context))
    for i = 1, results.n do
      results[i] = shown(results[i])
    end
    results.n = nil
    return { volume = { volume_id = csi.json.encode(csi.json.array(results)) } }
  end,
}]]

-- options: flags, env, as host.serve; connect: of luacsi.
function eval.serve(options)
  options = options or {}
  local flags = table.move(options.flags or {}, 1, #(options.flags or {}), 3, { "--validate", "off" })
  local self = setmetatable({}, Eval)
  self.server = host.serve { script = SCRIPT, flags = flags, env = options.env }
  self.client = self.server:connect()
  return self
end

-- What a handler with this body answers: reply, or nil, code, message.
function Eval.__index:handler(code, options)
  return self.client:call("DeleteSnapshot", { snapshot_id = code }, options)
end

-- What the code returns; nil where it is null. Raises what the call failed with.
function Eval.__index:values(code, options)
  local reply, status, message = self.client:call("CreateVolume", { name = code }, options)
  if not reply then
    error(("%s: %s"):format(status, message), 2)
  end
  local list = assert(luacsi.json.decode(reply.volume.volume_id))
  local n = #list
  for i = 1, n do
    if list[i] == luacsi.json.null then
      list[i] = nil
    end
  end
  return table.unpack(list, 1, n)
end

return eval
