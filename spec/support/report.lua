-- What busted prints: its plain report, then the line "N passed, N failed". The exit status follows
-- that line: a pending spec counts as failed, and so does a run in which nothing passed.

local busted = require "busted"

return function(options)
  local handler = require "busted.outputHandlers.plainTerminal"(options)

  busted.subscribe({ "exit" }, function()
    local failed = handler.failuresCount + handler.errorsCount + handler.pendingsCount
    print(("%d passed, %d failed"):format(handler.successesCount, failed))
    os.exit(failed == 0 and handler.successesCount > 0)
  end)

  return handler
end
