-- A second SIGTERM that came when the calls had ended, but not yet the I/O thread, was handled while the
-- process took its parts apart: it cancelled the calls of a server that was already freed.

local host = require "spec.support.host"

describe("a signal that comes late", function()
  after_each(host.teardown)

  it("changes nothing about a shutdown that is all but over", function()
    for _ = 1, 20 do
      local server = host.serve {}
      server:signal("sigterm")
      server:wait_log '"Stopped"'
      for signal in ("sigterm sighup sigint"):gmatch("%a+") do
        pcall(server.signal, server, signal) -- it may be gone
      end
      server:stop()
    end
  end)
end)
