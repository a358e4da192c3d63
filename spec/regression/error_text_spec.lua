-- Messages that were no UTF-8. What jansson says of a text quotes it, also where that is no UTF-8 or in
-- the middle of a letter; and a message that is too long was cut wherever its room ended. Found by the
-- fuzz target for JSON.

local host = require "spec.support.host"

local function assert_utf8(text)
  assert(#text > 0 and utf8.len(text), ("%q"):format(text))
end

describe("a message is UTF-8", function()
  after_each(host.teardown)

  it("when JSON is not, behind a backslash", function()
    for _, json in ipairs { '{"ready": "\\\xf2\x86\x94\x90"}', '["\\\xc3', '{"\\\xff": 1}' } do
      local result = host.run { "call", "Probe", json, "--endpoint", "unix:///nowhere.sock" }
      assert.equal(2, result.code)
      assert.matches("JSON, line 1, column %d+: %l", result.stderr)
      assert_utf8(result.stderr)
    end
  end)

  it("for a script that reads such JSON, and can pass it on", function()
    local server = host.serve {
      script = [[
        local csi = require "csi"
        return { Probe = function()
          local _, message = csi.json.decode('"S\\\xf2\x86\x94\x90"')
          csi.fail("ABORTED", message)
        end }]],
    }
    local _, code, message = server:connect():call("Probe")
    assert.equal("ABORTED", code)
    assert.equal([[line 1, column 4: invalid escape near '"S\]], message)
  end)

  it("when it is too long for its room", function()
    for pad = 0, 2 do
      local endpoint = ("x"):rep(pad) .. ("\u{20ac}"):rep(400)
      local result = host.run { "probe", "--endpoint", endpoint }
      assert.equal(2, result.code)
      assert_utf8(result.stderr)
    end
  end)
end)
