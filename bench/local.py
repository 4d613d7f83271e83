"""The local cloud's data plane: what it adds to a request, how fast it streams, and whether many chats at once come through.

A small system is built on a local cloud of its own: a VPC link to a network load balancer, over a peering to another one, to an application
load balancer, to instances. Prints the figures; --write puts them into the documentation, --json writes them; the exit status says whether
they are what they should be.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import aiohttp  # noqa: E402
import boto3  # noqa: E402

from bench import figures  # noqa: E402
from tests.fabric import topology  # noqa: E402
from tests.ports import free_port  # noqa: E402
from tests.waiting import until  # noqa: E402

HOP_MILLISECONDS = 5.0
LINES_A_SECOND = 1000
CHATS = 50


class Cloud:
    """The local cloud, with a door into its data plane."""

    def __init__(self, folder: str) -> None:
        port = free_port()
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "LOCALCLOUD_HOSTS": str(ROOT / "tests/fabric/hosts.yml"),
            "TMPDIR": folder,
        }
        with Path(folder, "log").open("wb") as log:
            command = [sys.executable, "-m", "tests.fabric.door", str(port)]
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=log)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().decode().strip()
        self.control = f"http://127.0.0.1:{port}"

    def client(self, service: str, region: str = topology.HOME) -> Any:
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=self.control,
            aws_access_key_id="bench",
            aws_secret_access_key="bench",
        )

    def built(self) -> topology.Topology:
        made = topology.build(self.client, name="bench")
        topology.configure(self.client, "bench")
        group = made.away.groups["web"]
        until(lambda: set(topology.states(self.client, topology.AWAY, group).values()) == {"healthy"}, "health", 180)
        return made


async def hops(session: aiohttp.ClientSession, headers: dict[str, str], count: int) -> tuple[list[float], int]:
    """Milliseconds until the head that all between client and instance add, a request; and the number of its hops."""
    added, number = [], 0
    for _ in range(count):
        async with session.get("/web/who", headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            told = json.loads(answer.headers["X-Door-Hops"])
            await answer.read()
        number = len(told)
        added.append(told[0]["milliseconds"] - told[-1]["milliseconds"])
    return added, number


async def streaming(session: aiohttp.ClientSession, headers: dict[str, str], count: int) -> float:
    """Lines a second of one stream that its instance makes as fast as it can."""
    started, lines = time.perf_counter(), 0
    async with session.get(f"/web/lines?count={count}&pace=0", headers=headers) as answer:
        async for piece in answer.content.iter_any():
            lines += piece.count(b"\n")
    assert lines == count, f"{lines} of {count} lines came"
    return lines / (time.perf_counter() - started)


async def chats(session: aiohttp.ClientSession, headers: dict[str, str], seconds: float) -> tuple[int, int, list[str]]:
    """(answers, lines, errors) of CHATS clients that ask again and again for 30 lines, 30 a second."""
    ends, answers, lines = time.monotonic() + seconds, 0, 0
    errors: list[str] = []

    async def chat() -> None:
        nonlocal answers, lines
        while time.monotonic() < ends:
            try:
                async with session.get("/web/lines?count=30&pace=0.0333", headers=headers) as answer:
                    found = (await answer.read()).count(b"\n")
                if answer.status != 200 or found != 30:
                    errors.append(f"status {answer.status}, {found} lines")
                answers, lines = answers + 1, lines + found
            except (aiohttp.ClientError, TimeoutError) as error:
                errors.append(repr(error))

    await asyncio.gather(*(chat() for _ in range(CHATS)))
    return answers, lines, errors


async def measure(url: str, top: topology.Topology, options: argparse.Namespace) -> dict[str, Any]:
    headers = {
        "X-Door-Origin": f"vpc-link:{top.link}",
        "X-Door-Region": topology.HOME,
        "X-Door-Host": top.home.nlb["DNSName"],
        "X-Door-Port": "80",
    }
    # The machine's own proxy is not meant for this.
    async with aiohttp.ClientSession(
        url, connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(60), trust_env=False
    ) as session:
        await hops(session, headers, 20)
        added, number = await hops(session, headers, options.requests)
        rate = await streaming(session, headers, options.lines)
        answers, lines, errors = await chats(session, headers, options.seconds)
    return {
        "hops": number,
        "added_ms_p50": round(statistics.median(added), 3),
        "added_ms_a_hop_p50": round(statistics.median(added) / max(number - 1, 1), 3),
        "lines_a_second": round(rate),
        "chats_at_once": CHATS,
        "chat_seconds": options.seconds,
        "chat_answers": answers,
        "chat_lines_a_second": round(lines / options.seconds),
        "errors": len(errors),
        "first_errors": errors[:5],
    }


def table(found: dict[str, Any]) -> str:
    header = ("", "measured", "must be")
    rows = [
        ("a hop adds, p50", f"{found['added_ms_a_hop_p50']:.3f} ms", f"under {HOP_MILLISECONDS:g} ms"),
        (f"the way of {found['hops']} hops adds, p50", f"{found['added_ms_p50']:.3f} ms", ""),
        ("lines a second of one stream", f"{found['lines_a_second']}", f"at least {LINES_A_SECOND}"),
        (
            f"errors of {found['chats_at_once']} chats at once, {found['chat_seconds']:g} s",
            f"{found['errors']}",
            "none",
        ),
        ("... their answers", f"{found['chat_answers']}", ""),
        ("... their lines a second", f"{found['chat_lines_a_second']}", ""),
    ]
    return figures.table(header, rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=500, help="for the time a hop adds (default: %(default)s)")
    parser.add_argument("--lines", type=int, default=20_000, help="of the one stream (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=60.0, help="that the chats go on (default: %(default)s)")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    options = parser.parse_args()
    machine = figures.machine()
    with tempfile.TemporaryDirectory() as folder:
        cloud = Cloud(folder)
        try:
            found = asyncio.run(measure(cloud.url, cloud.built(), options))
        finally:
            cloud.process.terminate()
            cloud.process.wait(60)
    text = f"{machine}\n\n{table(found)}"
    print(text, *found["first_errors"], sep="\n")
    if options.write:
        figures.write("make bench-local", text)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    good = (
        found["added_ms_a_hop_p50"] < HOP_MILLISECONDS
        and found["lines_a_second"] >= LINES_A_SECOND
        and not found["errors"]
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
