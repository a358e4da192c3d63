-- Malformed HTTP/2 and gRPC on raw sockets: the list of spec/support/malformed.lua, again and again at one
-- server. After each, another connection has to be served.

local host = require "spec.support.host"
local malformed = require "spec.support.malformed"
local usage = require "spec.support.usage"
local verdict = require "spec.support.verdict"
local wire = require "spec.support.wire"

local MOST_GROWTH_KB = 4096 -- from the second round to the last one

-- One round; gives how many ended as listed, and how many calls afterwards were served.
local function round(server)
  local right, served = 0, 0
  for _, case in ipairs(malformed.cases) do
    local outcome = malformed.try(server.socket, case)
    if outcome == case.outcome then
      right = right + 1
    else
      io.stderr:write(("%s: expected %s, got %s\n"):format(case.name, case.outcome, outcome))
    end
    served = served + (pcall(wire.assert_answers, server) and 1 or 0)
  end
  return right, served
end

local function run(options)
  local rounds = options.long and 1000 or 5
  local server = wire.serve()
  local pid = server.process.pid
  local right, served, memory = 0, 0, nil
  for i = 1, rounds do
    local r, s = round(server)
    right, served = right + r, served + s
    memory = i == 2 and usage.memory_kb(pid) or memory
  end
  local grown = usage.memory_kb(pid) - memory
  local clean, fault = pcall(host.teardown)
  return {
    verdict.at_least("malformed inputs", 60, #malformed.cases),
    verdict.exactly(("they end as listed, in %d rounds"):format(rounds), rounds * #malformed.cases, right),
    verdict.exactly("the next call is served", rounds * #malformed.cases, served),
    verdict.at_most("memory from the second round to the last", MOST_GROWTH_KB, grown, "KiB"),
    verdict.exactly("the server's end is clean", "yes", clean and "yes" or tostring(fault)),
  }
end

return { area = "wire", run = run }
