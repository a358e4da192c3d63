// A test in JavaScript, with Node's own modules alone: luacsi stands in for the driver.
//
// Run: LUACSI=build/luacsi node --test examples/clients/javascript/

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import http2 from "node:http2";
import net from "node:net";
import { tmpdir } from "node:os";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

const LUACSI = process.env.LUACSI ?? "luacsi";
const PROBE = "/csi.v1.Identity/Probe";
const READY = Buffer.from([0x0a, 0x02, 0x08, 0x01]); // ProbeResponse { ready { value: true } }

const READY_THIRD = `
local calls = 0
return { Probe = function()
  calls = calls + 1
  return { ready = calls >= 3 }
end }`;

// What is tested: asks Probe until the driver is ready. Gives up when Probe fails.
async function untilReady(socket, metadata) {
  const session = http2.connect("http://localhost", { createConnection: () => net.connect(socket) });
  try {
    for (;;) {
      const call = session.request({
        ":method": "POST", ":path": PROBE, "content-type": "application/grpc", te: "trailers", ...metadata,
      });
      const parts = [];
      let trailers = {};
      call.on("response", (headers) => (trailers = headers)); // of a reply without a message
      call.on("trailers", (headers) => (trailers = headers));
      call.on("data", (part) => parts.push(part));
      call.end(Buffer.alloc(5)); // an empty message
      await once(call, "close");
      if (trailers["grpc-status"] !== "0") throw new Error(decodeURI(trailers["grpc-message"]));
      if (Buffer.concat(parts).subarray(5).equals(READY)) return;
      await sleep(10);
    }
  } finally {
    session.close();
  }
}

// ---- one luacsi for all tests; each of them makes a session ----

let folder, socket, url, luacsi, session;
let tests = 0;

async function control(method, request = {}) {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(url + method, { method: "POST", headers, body: JSON.stringify(request) });
  const body = await answer.json();
  assert.ok(answer.ok, body.message);
  return body;
}

async function freePort() {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  return port;
}

before(async () => {
  const address = `127.0.0.1:${await freePort()}`;
  folder = await mkdtemp(`${tmpdir()}/double-`);
  socket = `${folder}/csi.sock`;
  url = `http://${address}/control/v1/`;
  const flags = ["--endpoint", `unix://${socket}`, "--http-endpoint", address, "--http-control", "loopback"];
  luacsi = spawn(LUACSI, ["serve", ...flags], { stdio: "ignore" });
  while (!(await control("status").catch(() => false))) {
    assert.equal(luacsi.exitCode, null, "luacsi has ended");
    await sleep(10);
  }
});

after(async () => {
  const ended = once(luacsi, "exit");
  await control("stop");
  await ended;
  await rm(folder, { recursive: true });
});

beforeEach(async () => {
  session = `test-${++tests}`;
  await control("create-session", { session, script: READY_THIRD });
});

afterEach(() => control("end-session", { session }));

test("waits until the driver is ready", async () => {
  await untilReady(socket, { "luacsi-session": session });
  const { calls } = await control("calls", { session });
  assert.deepEqual(calls.map((call) => call.reply.ready ?? false), [false, false, true]);
});

test("gives up when Probe fails", async () => {
  const script = `return { Probe = function() return nil, "FAILED_PRECONDITION", "no kernel module" end }`;
  await control("load", { session, script });
  await assert.rejects(untilReady(socket, { "luacsi-session": session }), /no kernel module/);
  const verdict = await control("verify", { session, filter: { method: "Probe" }, exactly: 1 });
  assert.ok(verdict.verified, verdict.reason);
});
