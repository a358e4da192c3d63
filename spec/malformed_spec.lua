-- What no proper client sends has its known end, and nobody else notices: the list is in
-- spec/support/malformed.lua. One server gets all of it.

local malformed = require "spec.support.malformed"
local wire = require "spec.support.wire"

describe("malformed input:", function()
  local server

  setup(function() server = wire.serve() end)
  teardown(function() wire.teardown(server) end)

  for _, case in ipairs(malformed.cases) do
    it(("%s: %s"):format(case.name, case.outcome), function()
      assert.equal(case.outcome, malformed.try(server.socket, case))
      wire.assert_answers(server)
    end)
  end
end)
