-- What allocation.c has served while memory is short: a handler for each thing that luacsi keeps memory for.

local csi = require "csi"

local check = csi.check("file", { every = 3600 }, function()
  return csi.stat(csi.config.file)
end)

csi.every(3600, function()
  csi.store.set("every", csi.now())
end)

local texts = {}
for i = 1, 12 do
  texts[i] = ("%d "):rep(i * i)
end

return {
  GetPluginInfo = {
    name = "allocation.csi.example.com", vendor_version = csi.config.version, manifest = { some = "thing" },
  },

  Probe = function(_, context)
    csi.store.set("last", context.id .. texts[3])
    return csi.reply("Probe", { ready = csi.store.get("last") ~= nil and check.name == "file" })
  end,

  GetPluginCapabilities = csi.coalesce(function()
    local run = csi.run(function() csi.sleep(0.001) end)
    run:wait()
    return { capabilities = { { service = { type = "CONTROLLER_SERVICE" } } } }
  end),

  CreateVolume = function(request, context)
    local value = csi.json.decode(csi.json.encode(request))
    csi.log.info("Made", { name = value.name, peer = context.peer, id = context.metadata["csi.requestid"] })
    return { volume = { volume_id = value.name, capacity_bytes = 1, volume_context = { a = texts[12] } } }
  end,

  NodeGetInfo = function()
    local _, output = csi.exec { "/bin/echo", "node" }
    local stat = csi.stat(csi.config.file)
    local text = csi.read(csi.config.file)
    local info, failure = csi.call(csi.config.endpoint, "GetPluginInfo")
    csi.connect(csi.config.endpoint)
    csi.http("http://127.0.0.1:1/", { method = "POST", body = texts[3] }) -- where nobody listens
    return { node_id = ("%s %s %s"):format(output, stat and text and #text, info and info.name or failure) }
  end,

  NodeUnpublishVolume = function()
    csi.sleep(0.05)
    csi.store.set("last", "unpublished", { ttl = 60 })
    csi.store.set("bytes", "\xff")
    return {}
  end,

  DeleteVolume = function()
    error { "no string" }
  end,
}
