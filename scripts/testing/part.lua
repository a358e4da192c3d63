-- Whether all that a pattern has is in a value: lists have to be the same in length.
local function is_part(pattern, value)
  if type(pattern) ~= "table" or type(value) ~= "table" then
    return pattern == value
  elseif #pattern ~= #value and #pattern > 0 then
    return false
  end
  for key, part in next, pattern do
    if not is_part(part, value[key]) then
      return false
    end
  end
  return true
end

return is_part
