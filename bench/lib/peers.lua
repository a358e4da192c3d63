-- Who takes part, how each is started, and that each gives the same answers.

local luacsi = require "luacsi"
local program = require "bench.lib.program"
local uv = require "luv"

local peers = {}

peers.methods = { "GetPluginInfo", "Probe", "GetPluginCapabilities" }

-- What every peer must answer. The sizes are those of the encoded messages.
peers.replies = {
  GetPluginInfo = {
    size = 64,
    reply = {
      name = "bench.csi.example.com",
      vendor_version = "1.0.0",
      manifest = { build = "2026", commit = "d670460" },
    },
  },
  Probe = { size = 4, reply = { ready = true } },
  GetPluginCapabilities = {
    size = 18,
    reply = { capabilities = {
      { service = { type = "CONTROLLER_SERVICE" } },
      { service = { type = "VOLUME_ACCESSIBILITY_CONSTRAINTS" } },
      { volume_expansion = { type = "ONLINE" } },
    } },
  },
}

function peers.path(method)
  return "/csi.v1.Identity/" .. method
end

-- The command line of luacsi with this script.
function peers.luacsi(script)
  return function(socket)
    return { "build/luacsi", "serve", "--endpoint", "unix://" .. socket, script }
  end
end

local function own(name)
  return function(socket)
    return { "build/bench/" .. name, socket }
  end
end

local function luacsi_with(name)
  return peers.luacsi(("bench/scripts/%s.lua"):format(name))
end

-- native: callgrind can count it.
local all = {
  { id = "floor", label = "floor", command = own "floor", native = true },
  { id = "constant", label = "luacsi, constant", command = luacsi_with "constant", native = true },
  { id = "prepared", label = "luacsi, prepared", command = luacsi_with "prepared", native = true },
  { id = "handler", label = "luacsi, handler", command = luacsi_with "handler", native = true },
  { id = "cpp", label = "C++ gRPC async", command = own "cpp", native = true },
  { id = "go", label = "grpc-go", command = own "go" },
  { id = "tonic", label = "tonic", command = own "tonic", native = true },
}

-- Those of ids (nil: all) that were built.
function peers.present(ids)
  local list = {}
  for _, peer in ipairs(all) do
    peer.binary = peer.command("")[1]
    local wanted = not ids or (" " .. ids .. " "):find(" " .. peer.id .. " ", 1, true)
    if wanted and uv.fs_stat(peer.binary) then
      list[#list + 1] = peer
    end
  end
  return list
end

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then
    return a == b
  end
  for key, value in pairs(a) do
    if not same(value, b[key]) then
      return false
    end
  end
  for key in pairs(b) do
    if a[key] == nil then
      return false
    end
  end
  return true
end

-- Asks one method with a real client. An error when the answer is not the one that is expected.
function peers.check(socket, method)
  local connection <close> = assert(luacsi.connect("unix://" .. socket))
  local reply = assert(connection:call(method, {}, { timeout = 60 }))
  assert(same(reply, peers.replies[method].reply),
    ("%s: another reply than expected: %s"):format(method, luacsi.json.encode(reply)))
end

-- Asks all methods of the peer that serves on socket.
function peers.check_all(socket)
  for _, method in ipairs(peers.methods) do
    peers.check(socket, method)
  end
end

-- Returns once somebody accepts connections on socket.
function peers.await(socket, server)
  repeat
    assert(not server.code, ("%s ended"):format(table.concat(server.argv, " ")))
    local pipe, connected = uv.new_pipe(), nil
    pipe:connect(socket, function(err)
      connected = not err
      pipe:close()
    end)
    while connected == nil do
      uv.run("once")
    end
    if not connected then
      uv.sleep(2)
    end
  until connected
end

-- Starts command (a function of the socket's path) on the core cpu, and waits until it accepts. wrapper:
-- what stands before it.
function peers.start(command, folder, cpu, wrapper)
  peers.n_started = (peers.n_started or 0) + 1
  local socket = ("%s/%d.sock"):format(folder, peers.n_started)
  local argv = table.move(wrapper or {}, 1, wrapper and #wrapper or 0, 1, {})
  table.move(command(socket), 1, #command(socket), #argv + 1, argv)
  local server = program.start(argv, cpu)
  server.socket = socket
  peers.await(socket, server)
  return server
end

return peers
