-- Holds the #include lines against the layers: a folder includes itself and what stands below it.
-- usage: lua5.4 tools/layers.lua FILE...

local height = { base = 0, io = 1, csi = 2, script = 3, serve = 4, client = 4, cli = 5, main = 6 }

-- Where Lua is known: script/ in its headers, too, the others only inside a .c.
local lua_in = { script = true, client = true, cli = true }
local lua_headers = { ["lua.h"] = true, ["lauxlib.h"] = true, ["lualib.h"] = true }

local findings = 0

local function report(file, line, ...)
  findings = findings + 1
  io.stderr:write(("%s:%d: "):format(file, line), string.format(...), "\n")
end

local function check_include(file, line, layer, header)
  local folder = header:match("^(%w+)/")
  if lua_headers[header] then
    if not lua_in[layer] then
      report(file, line, "%s knows no Lua: %s", layer, header)
    elseif file:find("%.h$") and layer ~= "script" then
      report(file, line, "only headers of script/ show Lua: %s", header)
    end
  elseif height[folder] and folder ~= layer and height[folder] >= height[layer] then
    report(file, line, "%s must not include %s, which is not below it", layer, header)
  end
end

for _, file in ipairs(arg) do
  local layer = assert(file:match("^src/(%w+)"), file)
  local number = 0
  for text in io.lines(file) do
    number = number + 1
    local header = text:match('^%s*#%s*include%s*["<]([^">]+)')
    if header then
      check_include(file, number, layer, header)
    end
  end
end

os.exit(findings == 0)
