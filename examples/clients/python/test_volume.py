"""A test in Python, with its standard library alone: luacsi stands in for the driver.

Run: LUACSI=build/luacsi python3 -m unittest discover examples/clients/python
"""

import json
import os
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request

LUACSI = os.environ.get("LUACSI", "luacsi")

BUSY_TWICE = """
local fault = require "csi.fault"
return { CreateVolume = fault.sequence {
  fault.times(2, fault.fail("ABORTED", "an operation is under way")),
  { volume = { volume_id = "vol-1" } },
} }
"""


def create_volume(endpoint, name, session):
    """What is tested: it tries again while the driver says ABORTED."""
    command = [LUACSI, "call", "CreateVolume", json.dumps({"name": name}), "--json",
               "--endpoint", endpoint, "--metadata", "luacsi-session=" + session]
    while True:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        reply = json.loads(done.stdout)
        if reply.get("code") != "ABORTED":
            return reply["volume"]["volume_id"]


class Double:
    """One luacsi for all tests; each of them makes a session."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.endpoint = "unix://" + self.folder.name + "/csi.sock"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = "127.0.0.1:%d" % probe.getsockname()[1]
        self.url = "http://" + address + "/control/v1/"
        self.process = subprocess.Popen([LUACSI, "serve", "--endpoint", self.endpoint,
                                         "--http-endpoint", address, "--http-control", "loopback"],
                                        stderr=subprocess.DEVNULL)
        while not self.is_up():
            time.sleep(0.01)

    def is_up(self):
        assert self.process.poll() is None, "luacsi has ended"
        try:
            return self.control("status")
        except urllib.error.URLError:
            return False

    def control(self, method, **request):
        post = urllib.request.Request(self.url + method, json.dumps(request).encode(),
                                      {"Content-Type": "application/json"})
        with urllib.request.urlopen(post) as answer:
            return json.load(answer)

    def stop(self):
        self.control("stop")
        self.process.wait()
        self.folder.cleanup()


class CreateVolumeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.double = Double()
        cls.addClassCleanup(cls.double.stop)

    def setUp(self):
        self.session = self.id()
        self.double.control("create-session", session=self.session, script=BUSY_TWICE)
        self.addCleanup(self.double.control, "end-session", session=self.session)

    def test_tries_again_while_the_driver_is_busy(self):
        self.assertEqual("vol-1", create_volume(self.double.endpoint, "pvc-1", self.session))
        calls = self.double.control("calls", session=self.session)["calls"]
        self.assertEqual(["ABORTED", "ABORTED", "OK"], [call["status"] for call in calls])

    def test_asks_for_the_same_volume_each_time(self):
        create_volume(self.double.endpoint, "pvc-2", self.session)
        same = {"method": "CreateVolume", "request": {"name": "pvc-2"}}
        verdict = self.double.control("verify", session=self.session, filter=same, exactly=3)
        self.assertTrue(verdict["verified"], verdict["reason"])


if __name__ == "__main__":
    unittest.main()
