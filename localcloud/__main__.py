"""The command line of the local cloud: start, stop, status, requests, serve."""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
import urllib.parse
from pathlib import Path

from localcloud import MACHINES
from localcloud.daemon import Daemon, Problem, prepare
from localcloud.pace import PACE, VARIABLE, parse
from localcloud.record import table


def parser() -> argparse.ArgumentParser:
    main = argparse.ArgumentParser(prog="localcloud", description=__doc__)
    commands = main.add_subparsers(dest="command", required=True)
    for name, text in (
        ("start", "start it in the background, unless it runs"),
        ("serve", "serve in the foreground"),
        ("stop", "stop it; what was built on it is gone"),
        ("status", "say whether it runs, and where its log is"),
        ("requests", "show what was asked of it: reads and writes per run, per service"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
        command.add_argument("--port", type=int, default=4566, help="port to listen on (default: %(default)s)")
        command.add_argument(
            "--data-port", type=int, help="port that deployed APIs answer on (default: the one after --port)"
        )
        if name in ("start", "serve"):
            command.add_argument(
                "--hosts", type=Path, help="file that says what configured hosts run (LOCALCLOUD_HOSTS)"
            )
            command.add_argument(
                "--machines",
                metavar="FILE",
                help="file that says which instances are machines, as root (LOCALCLOUD_MACHINES)",
            )
        if name == "serve":
            for listener in ("--listener", "--data-listener"):  # from `start`: sockets that are bound
                command.add_argument(listener, type=int, help=argparse.SUPPRESS)
        if name == "start":
            command.add_argument("--run", help="what the requests that follow are counted under")
        if name == "requests":
            command.add_argument("--run", help="only the newest run of this name")
            command.add_argument("--last", action="store_true", help="only the newest run")
            command.add_argument("--json", action="store_true", help="as JSON")
    return main


def requests(daemon: Daemon, options: argparse.Namespace) -> int:
    query = {}
    if options.run:
        query["name"] = options.run
    if options.run or options.last:
        query["last"] = "1"
    runs = daemon.ask(f"runs?{urllib.parse.urlencode(query)}")
    if not runs:
        raise Problem(f"There was no run called {options.run}.")
    print(json.dumps(runs[0] if "last" in query else runs) if options.json else table(runs))
    return 0


def serve(daemon: Daemon, descriptors: tuple[int | None, int | None]) -> None:
    control, data = descriptors
    if control is None or data is None:
        prepare()
        listener, data_listener = daemon.listen()
    else:
        listener, data_listener = socket.socket(fileno=control), socket.socket(fileno=data)
    os.environ["LOCALCLOUD_FOLDER"] = str(daemon.folder)
    with listener, data_listener, daemon.here():
        from localcloud import server  # takes seconds: whoever looks meanwhile finds that it is on its way

        server.serve(listener, data_listener)


def main() -> int:
    options = parser().parse_args()
    try:
        # For `start` too: it says what is wrong with it before anything starts.
        PACE.factor = parse(os.environ.get(VARIABLE))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    daemon = Daemon(options.host, options.port, options.data_port or options.port + 1)
    if getattr(options, "hosts", None):
        os.environ["LOCALCLOUD_HOSTS"] = str(options.hosts.resolve())
    if getattr(options, "machines", None) is not None:
        os.environ[MACHINES] = str(Path(options.machines).resolve()) if options.machines else ""
    try:
        if options.command == "serve":
            serve(daemon, (options.listener, options.data_listener))
        elif options.command == "start":
            started = daemon.start()
            if options.run:
                daemon.ask(f"runs?name={urllib.parse.quote(options.run)}", method="POST")
            print(
                f"The local cloud {'was started' if started else 'runs'} at {daemon.url}, "
                f"deployed APIs at {daemon.data_url}; its log is {daemon.log}."
            )
        elif options.command == "stop":
            print(f"The local cloud at {daemon.url} {'was stopped' if daemon.stop() else 'was not running'}.")
        elif options.command == "status":
            health = daemon.healthy()
            where = f", deployed APIs at {health['data_plane']}" if health else ""
            print(
                f"The local cloud {'runs' if health else 'does not run'} at {daemon.url}{where}; its log is {daemon.log}."
            )
            return 0 if health else 3
        elif options.command == "requests":
            if not daemon.healthy():
                raise Problem(
                    f"The local cloud does not run at {daemon.url}. Start it: python -m localcloud start --port={daemon.port}"
                )
            return requests(daemon, options)
    except Problem as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
