-- In front of a real driver, with --upstream unix:///real.sock: no volume is made smaller than 1 GiB, the
-- first volume that is staged takes half a second longer, and all else is the driver's own answer.
local csi = require "csi"
local fault = require "csi.fault"

local LEAST = 1 << 30

return {
  CreateVolume = function(request, context)
    local range = request.capacity_range or {}
    range.required_bytes = math.max(range.required_bytes or 0, LEAST)
    request.capacity_range = range
    local reply, code, message = context.upstream(request)
    if not reply then
      return nil, code, message
    end
    csi.log.info("Volume created", { id = reply.volume.volume_id, size = reply.volume.capacity_bytes })
    return reply
  end,

  NodeStageVolume = fault.times(1, fault.delay(0.5, fault.pass)),
}
