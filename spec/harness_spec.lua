-- The harness itself, as far as a wrong one could make other specs pass.

local hpack = require "spec.support.hpack"
local host = require "spec.support.host"
local http2 = require "spec.support.http2"

local function bytes(hex)
  return (hex:gsub("%s", ""):gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end))
end

describe("hpack", function()
  -- The examples of RFC 7541, C.4 and C.6.
  it("decodes Huffman strings", function()
    assert.equal("www.example.com", hpack.huffman_decode(bytes "f1e3 c2e5 f23a 6ba0 ab90 f4ff"))
    assert.equal("Mon, 21 Oct 2013 20:13:22 GMT",
      hpack.huffman_decode(bytes "d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff"))
  end)

  it("keeps the dynamic table over blocks, and drops what is too much for it", function()
    local decoder = hpack.decoder()
    decoder.limit = 256
    local first = decoder:decode(bytes [[
      4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d
      29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3]])
    assert.same({ "302", "private", "https://www.example.com" },
      { first[":status"], first["cache-control"], first.location })
    local second = decoder:decode(bytes "4883 640e ffc1 c0bf")
    assert.same({ "307", "Mon, 21 Oct 2013 20:13:21 GMT" }, { second[":status"], second.date })
    assert.equal(222, decoder.size)
  end)

  it("reads what it wrote", function()
    local fields = { { ":path", "/x" }, { "long", ("v"):rep(1000) }, { "empty", "" } }
    local read = hpack.decoder():decode(hpack.encode(fields))
    assert.same(fields, { read[1], read[2], read[3] })
  end)
end)

describe("the harness", function()
  after_each(host.teardown)

  it("starts a server, calls it frame by frame, and stops it", function()
    local server = host.serve { file = "examples/hello.lua" }
    local connection = http2.start(server.socket)
    local answer = connection:call(1, "/csi.v1.Identity/GetPluginInfo", "")
    assert.equal(0, answer.status)
    assert.equal(1, #answer.messages)
    assert.equal(12, connection:call(3, "/csi.v1.Identity/NoSuchMethod", "").status)
    connection:close()
    server:stop()
    assert.is_false(host.listens(server.endpoint))
  end)

  it("tells of a server that does not start", function()
    assert.error_matches(function()
      host.serve { file = "examples/no-such-file.lua" }
    end, "does not listen %(exit status %d+%)")
    assert.error_matches(host.teardown, "ended with status")
  end)
end)
