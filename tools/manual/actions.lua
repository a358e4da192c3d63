-- The names of what a command can do, each once.

return function(command)
  local names, seen = {}, {}
  for _, action in ipairs(command.actions) do
    if not seen[action.name] then
      seen[action.name] = true
      names[#names + 1] = action.name
    end
  end
  return names
end
