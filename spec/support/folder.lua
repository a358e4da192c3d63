-- Folders with files for a spec: folder.make { ["a/b.lua"] = "text" }, and after_each(folder.remove_all).

local process = require "spec.support.process"
local uv = require "luv"

local folder = {}

local made = {}

-- Makes a new folder with the given files, name to text; a name that ends in / is a folder. Gives its path.
function folder.make(files)
  local dir = assert(uv.fs_mkdtemp(uv.os_tmpdir() .. "/luacsi-spec-XXXXXX"))
  made[#made + 1] = dir
  for name, text in pairs(files or {}) do
    for slash in name:gmatch("()/") do
      uv.fs_mkdir(dir .. "/" .. name:sub(1, slash - 1), 493) -- it may be there already
    end
    if name:sub(-1) ~= "/" then
      process.write_file(dir .. "/" .. name, text)
    end
  end
  return dir
end

-- What libuv gave; nil for a file that is gone: a process that is about to end removes its own.
local function unless_gone(result, message, name)
  return name ~= "ENOENT" and assert(result, message) or nil
end

-- Removes a file, or a folder with all that is in it.
function folder.remove(path)
  local stat = unless_gone(uv.fs_lstat(path))
  if not stat or stat.type ~= "directory" then
    return stat and unless_gone(uv.fs_unlink(path))
  end
  local scan = assert(uv.fs_scandir(path))
  for name in function() return uv.fs_scandir_next(scan) end do
    folder.remove(path .. "/" .. name)
  end
  unless_gone(uv.fs_rmdir(path))
end

function folder.remove_all()
  for _, dir in ipairs(made) do
    folder.remove(dir)
  end
  made = {}
end

return folder
