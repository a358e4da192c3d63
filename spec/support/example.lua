-- example.serve(name, ...): serves the file of that name in examples/. What follows are settings ("file=/x"),
-- or other flags where two dashes stand in front.

local host = require "spec.support.host"

local example = {}

function example.serve(name, ...)
  local flags = {}
  for _, text in ipairs { ... } do
    flags[#flags + 1] = text:sub(1, 2) == "--" and text or "--set=" .. text
  end
  return host.serve { file = "examples/" .. name .. ".lua", flags = flags }
end

return example
