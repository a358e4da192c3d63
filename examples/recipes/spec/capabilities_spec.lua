local testing = require "luacsi.testing"

describe("capabilities by setting", function()
  it("are what the test says", function()
    local driver = testing.load { file = "capabilities.lua", config = {
      service = "CONTROLLER_SERVICE", controller = "CREATE_DELETE_VOLUME EXPAND_VOLUME",
    } }
    assert.same({ capabilities = { { service = { type = "CONTROLLER_SERVICE" } } } },
      driver:call("GetPluginCapabilities"))
    assert.same({ capabilities = {
      { rpc = { type = "CREATE_DELETE_VOLUME" } }, { rpc = { type = "EXPAND_VOLUME" } },
    } }, driver:call("ControllerGetCapabilities"))
    assert.same({ capabilities = {} }, driver:call("NodeGetCapabilities"))
  end)

  it("are none that CSI does not know", function()
    assert.error_matches(function()
      testing.load { file = "capabilities.lua", config = { service = "FLYING" } }
    end, 'got string "FLYING"')
  end)
end)
