-- Where the size of files is limited (ulimit -f, LimitFSIZE=), a save of --state that grew beyond it ended
-- the process by SIGXFSZ. It has to be as on a full disk: the file stays as it was, and is written again
-- later.

local host = require "spec.support.host"
local process = require "spec.support.process"
local uv = require "luv"
local wait = require "spec.support.wait"

local LIMIT = 16384 -- bytes; the log is a file, too

local SCRIPT = [[
  local csi = require "csi"
  return {
    GetPluginInfo = { name = "limit.csi.example.com", vendor_version = "1" },
    CreateVolume = function(request)
      csi.store.set("large", ("x"):rep(tonumber(request.name)))
      return { volume = { volume_id = "v" } }
    end,
  }
]]

describe("a limit on the size of files", function()
  after_each(host.teardown)

  it("keeps the state from being saved, and nothing else", function()
    local file = host.folder() .. "/state.json"
    local server = host.serve {
      script = SCRIPT, flags = { "--state", file }, prefix = { "/usr/bin/prlimit", "--fsize=" .. LIMIT },
    }
    local client = server:connect()
    local function set(size)
      local request = {
        name = tostring(size),
        volume_capabilities = { { mount = {}, access_mode = { mode = "SINGLE_NODE_WRITER" } } },
      }
      assert.equal("v", assert(client:call("CreateVolume", request)).volume.volume_id)
    end
    local function is_saved(size)
      return uv.fs_stat(file) and process.read_file(file):find('"' .. ("x"):rep(size) .. '"', 1, true)
    end
    set(100)
    assert(wait.for_(function() return is_saved(100) end))
    set(2 * LIMIT)
    server:wait_log 'State is not saved.-File too large'
    assert.truthy(is_saved(100))
    set(200)
    server:wait_log "State is saved again"
    assert.truthy(is_saved(200))
  end)
end)
