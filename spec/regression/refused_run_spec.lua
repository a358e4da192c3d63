-- A csi.run that was refused, since a script may have 1000 pieces of background work at once, kept its
-- function and all that this held for as long as the script served. Found by the test whose
-- allocations fail.

local host = require "spec.support.host"

local SCRIPT = [[
  local csi = require "csi"
  return {
    GetPluginInfo = { name = "refused.csi.example.com", vendor_version = "1" },
    NodeGetInfo = function()
      for _ = 1, 1000 do
        csi.run(function() csi.sleep(60) end)
      end
      local refused = 0
      for i = 1, 1000 do
        local ballast = ("x"):rep(1 << 16) .. i
        local ok, reason = pcall(csi.run, function() return ballast end)
        refused = refused + (not ok and tostring(reason):find("more than 1000", 1, true) and 1 or 0)
      end
      return { node_id = tostring(refused) }
    end,
  }]]

describe("a csi.run that is refused", function()
  after_each(host.teardown)

  it("lets go of its function", function()
    local server = host.serve {
      script = SCRIPT, flags = { "--memory", "16MB", "--handler-cpu", "20s", "--handler-timeout", "60s" },
    }
    local reply, code, message = server:connect():call("NodeGetInfo", {}, { timeout = 60 })
    assert.same({ "1000" }, { reply and reply.node_id, code, message })
  end)
end)
