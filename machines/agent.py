#!/usr/bin/env python3
"""Runs inside a machine of User-Mode Linux: sets its address from the kernel's command line and carries out commands.

A request is one line of JSON {"argv": […], "input": "…", "env": {…}}, the answer {"rc": 0, "stdout": "…", "stderr": "…"}.
"""

import json
import os
import re
import socket
import socketserver
import subprocess
from pathlib import Path

PORT = 7


class Agent(socketserver.StreamRequestHandler):
    def handle(self):
        asked = json.loads(self.rfile.readline())
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8", **asked["env"]}
        done = subprocess.run(
            asked["argv"],
            input=asked["input"],
            capture_output=True,
            text=True,
            errors="replace",
            env=environment,
            cwd="/root",
        )
        answer = {"rc": done.returncode, "stdout": done.stdout, "stderr": done.stderr}
        self.wfile.write(json.dumps(answer).encode() + b"\n")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    router = ""

    def verify_request(self, request, client_address):
        """Only the router asks: what else is in the machine's network is none of those who carry its orders."""
        return client_address[0] == self.router


def main():
    asked = dict(re.findall(r"machine\.(\w+)=(\S+)", Path("/proc/cmdline").read_text()))
    for command in (
        f"ip link set lo up; ip link set vec0 up; hostname {asked['name']}",
        f"for address in {asked['address'].replace(',', ' ')}; do ip addr replace $address dev vec0; done",
        f"ip route replace default via {asked['gateway']}",
    ):
        subprocess.run(["sh", "-c", command], check=True)
    with Server(("0.0.0.0", PORT), Agent) as server:
        server.router = asked["gateway"]
        if "NOTIFY_SOCKET" in os.environ:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
                notify.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"].replace("@", "\0"))
        server.serve_forever()


if __name__ == "__main__":
    main()
