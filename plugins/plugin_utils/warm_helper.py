# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The helper process of the warm runner: loads what AWS modules need once, and forks a process for each module that it is asked to run.

    python warm_helper.py PARENT ANSIBLE_FOLDER COLLECTION_ROOT...

PARENT is the process that it ends with, standard input a listening Unix socket in a folder of its own.

It is a process of its own, not Ansible's, so that a module finds the module side of Ansible in it, as always. What a module had to load
(Python modules, botocore's service models) or to make (clients) its process reports at its end, and the helper loads or makes it too, for
those that come later.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import importlib.machinery
import itertools
import json
import os
import pickle
import runpy
import selectors
import signal
import socket
import struct
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

SIZE = struct.Struct("!Q")
PARENT_SECONDS = 1.0  # how often to look whether the process that started this one still lives
GRACE_SECONDS = 5.0  # how long a module may take to end when it is told to
# Only what these hold is taken over from a module's process: libraries and shared code, never a module's own.
SHARED = ("ansible.module_utils.", "boto3", "botocore", "s3transfer", "urllib3", "jmespath", "dateutil")
FIRST = (
    "ansible.module_utils.basic",
    "ansible.module_utils._internal._ansiballz._loader",
    "boto3",
    "botocore",
    "botocore.session",
    "botocore.client",
    "ansible_collections.amazon.aws.plugins.module_utils.modules",
)
CONNECTIONS = "ansible_collections.amazon.aws.plugins.module_utils.botocore"  # where modules get their clients from
CLIENTS = "ansible_collections.lks.llm.plugins.plugin_utils.warm_clients"
UNSHARED = "_retry"  # of botocore's data files


class CollectionFinder:
    """Imports ansible_collections.<namespace>.<name> from the first root that has it, as Ansible does."""

    def __init__(self, roots: list[str]) -> None:
        self.roots = [Path(root) / "ansible_collections" for root in roots]

    def find_spec(self, name: str, path: object = None, target: object = None) -> importlib.machinery.ModuleSpec | None:
        parts = name.split(".")
        if parts[0] != "ansible_collections" or len(parts) > 3:
            return None
        folders = [folder for root in self.roots if (folder := root.joinpath(*parts[1:])).is_dir()]
        if not folders:
            return None
        spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [str(folder) for folder in (folders[:1] if len(parts) == 3 else folders)]
        return spec


class Models:
    """botocore's data files, parsed once. Each process may take each parsed file once, since botocore changes some after loading.

    Where a process wants one again (each client of a module asks for the endpoints), it gets a copy. The clients that the helper makes ahead
    share theirs, but for the one of which botocore merges what is for one service into what is for all: other changes only spell out what
    is there.
    """

    def __init__(self) -> None:
        import botocore.loaders

        self.parsed: dict[str, object] = {}
        self.copies: dict[str, bytes] = {}
        # Of this process: what it wanted, and what of it again. For the helper, what to load and what to copy for those that come later.
        self.wanted: set[str] = set()
        self.again: set[str] = set()
        self.sharing = False
        self.load = botocore.loaders.JSONFileLoader.load_file
        models = self

        def load_file(loader: object, path: str) -> object:
            if models.sharing and Path(path).name != UNSHARED:
                models.take(path)
                return models.parsed.get(path)
            if path in models.parsed:
                models.wanted.add(path)
                return models.parsed.pop(path)
            if path in models.copies:
                return pickle.loads(models.copies[path])  # in less than half the time of parsing it
            (models.again if path in models.wanted else models.wanted).add(path)
            return models.load(loader, path)

        botocore.loaders.JSONFileLoader.load_file = load_file
        self.loader = botocore.loaders.JSONFileLoader()
        self.python_name = botocore.xform_name  # it remembers

        # Each client asks for each kind of data which services have it, which is a look into some 400 folders.
        listed: dict[tuple, list] = {}
        list_services = botocore.loaders.Loader.list_available_services

        def list_available_services(loader: Any, type_name: str) -> list:
            key = (type_name, *loader.search_paths)
            if key not in listed:
                listed[key] = list_services(loader, type_name)
            return list(listed[key])

        botocore.loaders.Loader.list_available_services = list_available_services

    @contextlib.contextmanager
    def shared(self) -> Iterator[None]:
        self.sharing = True
        try:
            yield
        finally:
            self.sharing = False

    def take(self, path: str) -> None:
        if path not in self.parsed:
            data = self.load(self.loader, path)
            if data is not None:
                self.parsed[path] = data
                for operation in data.get("operations", ()):
                    self.python_name(operation)

    def copy(self, path: str) -> None:
        self.take(path)
        if path in self.parsed and path not in self.copies:
            self.copies[path] = pickle.dumps(self.parsed[path])


def load(name: str) -> None:
    """Imports a Python module for all that come later, unless that says something: each Ansible module that imports it is to say that."""
    before = set(sys.modules)
    importlib.import_module(name)
    said = sys.modules.get("ansible.module_utils.common.warnings")
    if said is None or not said.get_warning_messages() + said.get_deprecation_messages():
        return
    said._global_warnings.clear()
    said._global_deprecations.clear()
    for loaded in sys.modules.keys() - before:
        if loaded.startswith("ansible_collections."):
            package, _dot, last = loaded.rpartition(".")
            sys.modules.pop(loaded)
            if package in sys.modules:
                vars(sys.modules[package]).pop(last, None)


def remember() -> dict[str, str]:
    """Lets botocore remember what it finds out anew for each session: whether a handler takes keywords, and what an event is called today.

    Returns these names of events, to which each process adds those that it comes upon.
    """
    import botocore.compat
    import botocore.hooks

    botocore.hooks.accepts_kwargs = functools.cache(botocore.compat.accepts_kwargs)
    prepare = botocore.hooks.EventAliaser.__init__
    names: dict[str, str] = {}

    def prepare_aliaser(aliaser: Any, *arguments: Any, **options: Any) -> None:
        prepare(aliaser, *arguments, **options)
        if aliaser._event_aliases == botocore.hooks.EVENT_ALIASES:
            aliaser._alias_name_cache = names

    botocore.hooks.EventAliaser.__init__ = prepare_aliaser
    return names


def call_today(event: str) -> None:
    """Finds out what an event is called today, and so remembers it."""
    import botocore.hooks

    botocore.hooks.EventAliaser(botocore.hooks.HierarchicalEmitter())._alias_event_name(event)


def rehearse(models: Models) -> None:
    """Makes a client, as each module will: what botocore remembers of that, each module's process knows from its start."""
    import boto3.session

    session = boto3.session.Session(aws_access_key_id="unused", aws_secret_access_key="unused", region_name="us-east-1")
    loader = session._session.get_component("data_loader")
    for kind in ("service-2", "paginators-1", "waiters-2", "endpoint-rule-set-1"):
        loader.list_available_services(kind)
    session.client("sts")
    for path in sorted(models.wanted):
        models.copy(path)


class Child:
    """A module's process as the helper sees it."""

    def __init__(self, pid: int, channel: socket.socket) -> None:
        self.pid = pid
        self.channel = channel
        self.told_to_end: float | None = None


class Job:
    """What a process that was forked is to run."""

    def __init__(self, order: dict, where: str, out: int, err: int) -> None:
        self.order = order
        self.where = where  # by which its surroundings are known
        self.out = out
        self.err = err


class Server:
    def __init__(self, listener: socket.socket, parent: int, models: Models, clients: Any) -> None:
        self.listener = listener
        self.models = models
        self.clients = clients
        self.children: dict[int, Child] = {}
        self.parent = parent
        self.selector = selectors.DefaultSelector()
        self.learn_read, self.learn_write = os.pipe()
        self.wake_read, self.wake_write = os.pipe()
        self.heard = bytearray()
        self.lessons: list[str] = []
        self.left: set[str] = set()  # what is left to the modules' own processes to import
        for descriptor in (self.learn_read, self.wake_read, self.wake_write):
            os.set_blocking(descriptor, False)
        signal.signal(signal.SIGCHLD, lambda *dummy: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.set_wakeup_fd(self.wake_write, warn_on_full_buffer=False)
        self.selector.register(listener, selectors.EVENT_READ)
        self.selector.register(self.learn_read, selectors.EVENT_READ)
        self.selector.register(self.wake_read, selectors.EVENT_READ)

    def serve(self) -> Job | None:
        """Returns a job in each forked process, and None in the helper itself when the process that started it is gone."""
        while os.getppid() == self.parent:
            idle = bool(self.lessons)
            for key, _dummy in self.selector.select(0 if idle else PARENT_SECONDS):
                if key.fileobj is self.listener:
                    job = self.accept()
                    if job:
                        return job
                elif key.fd == self.learn_read:
                    self.hear()
                elif key.fd == self.wake_read:
                    with contextlib.suppress(BlockingIOError):
                        os.read(self.wake_read, 4096)
                elif isinstance(key.data, Child):
                    self.hang_up(key.data)
            self.reap()
            self.end_slow_ones()
            if idle:
                self.learn(self.lessons.pop(0))
        for child in self.children.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
        return None

    def accept(self) -> Job | None:
        channel, dummy = self.listener.accept()
        descriptors: list[int] = []
        try:
            head, descriptors, *dummy = socket.recv_fds(channel, SIZE.size, 2)
            body = bytearray()
            size = SIZE.unpack(head)[0]
            while len(body) < size:
                data = channel.recv(min(size - len(body), 1 << 20))
                if not data:
                    raise EOFError
                body += data
            order = json.loads(body)
            out, err = descriptors
        except (OSError, EOFError, ValueError, struct.error):  # the worker was ended while it asked
            for descriptor in descriptors:
                os.close(descriptor)
            channel.close()
            return None
        where = self.clients.remember(order) if self.clients else ""
        pid = os.fork()
        if pid == 0:
            # The process must not be told by the helper's own signals and sockets, nor hold them open.
            signal.set_wakeup_fd(-1)
            for kind in (signal.SIGCHLD, signal.SIGINT):
                signal.signal(kind, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.setpgid(0, 0)
            self.selector.close()
            self.listener.close()
            channel.close()
            for child in self.children.values():
                child.channel.close()
            for descriptor in (self.learn_read, self.wake_read, self.wake_write):
                os.close(descriptor)
            return Job(order, where, out, err)
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)
        os.close(out)
        os.close(err)
        self.children[pid] = child = Child(pid, channel)
        self.selector.register(channel, selectors.EVENT_READ, child)
        return None

    def hang_up(self, child: Child) -> None:
        """The worker that asked is gone: so must the module be."""
        self.selector.unregister(child.channel)
        child.told_to_end = time.monotonic()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)

    def end_slow_ones(self) -> None:
        for child in self.children.values():
            if child.told_to_end is not None and time.monotonic() - child.told_to_end > GRACE_SECONDS:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)

    def reap(self) -> None:
        while self.children:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            child = self.children.pop(pid, None)
            if child is None:
                continue
            if child.told_to_end is None:
                self.selector.unregister(child.channel)
            with contextlib.suppress(OSError):
                child.channel.sendall(str(os.waitstatus_to_exitcode(status)).encode())
            child.channel.close()

    def hear(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self.heard += os.read(self.learn_read, 65536)
        *lines, rest = bytes(self.heard).split(b"\n")
        self.heard = bytearray(rest)
        for line in lines:
            if (lesson := line.decode()) not in self.lessons:
                self.lessons.append(lesson)

    def learn(self, lesson: str) -> None:
        """Loads what a module had to load, so that the next one need not. What cannot be loaded is left to the modules."""
        kind, dummy, name = lesson.partition(" ")
        with contextlib.suppress(Exception):
            if kind == "module" and name not in sys.modules and name not in self.left:
                load(name)
                self.left |= {name} - sys.modules.keys()
            elif kind == "model":
                self.models.take(name)
            elif kind == "copy":
                self.models.copy(name)
            elif kind == "event":
                call_today(name)
            elif kind == "client":
                with self.models.shared():
                    self.clients.fulfil(name)
        if not self.lessons:
            gc.collect()
            gc.freeze()


def become(environment: dict[str, str]) -> None:
    """Makes this the environment. What is there already is left alone: each entry that is touched costs a process that was just forked a page."""
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    for name, value in environment.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


def newest(found: dict[str, Any], known: int) -> list[str]:
    """The keys beyond the first so many. The others are not touched, see C(become)."""
    return list(itertools.islice(reversed(found), max(len(found) - known, 0)))


def run(job: Job, models: Models, events: dict[str, str], clients: Any, learn_write: int) -> None:
    """In the forked process: becomes what the module expects to be, and runs it as Ansible's own wrapper does. Ends with SystemExit."""
    order = job.order
    empty = os.open(os.devnull, os.O_RDONLY)
    for source, destination in ((empty, 0), (job.out, 1), (job.err, 2)):
        os.dup2(source, destination)
    for descriptor in {empty, job.out, job.err} - {0, 1, 2}:
        os.close(descriptor)
    become(order["environment"])
    time.tzset()
    with contextlib.suppress(OSError):
        os.chdir(order["folder"])
    gc.set_threshold(50_000, 20, 20)  # a module lives for a moment: looking for garbage costs more than it finds
    models.wanted.clear()
    models.again.clear()
    if clients:
        clients.begin(job.where)
    before = set(models.parsed)
    modules_known, events_known = len(sys.modules), len(events)
    pid = os.getpid()

    def report() -> None:
        if os.getpid() != pid:
            return
        new = newest(sys.modules, modules_known)
        loaded = [name for name in new if name.startswith(SHARED) or ".plugins.module_utils." in name]
        lessons = [f"module {name}" for name in sorted(loaded)]
        lessons += [f"event {name}" for name in newest(events, events_known)]
        lessons += [f"model {path}" for path in sorted(models.wanted - before)]
        lessons += [f"copy {path}" for path in sorted(models.again)]
        lessons += [f"client {wish}" for wish in (clients.wishes() if clients else ())]
        with contextlib.suppress(OSError):
            # A pipe takes up to PIPE_BUF (4096 bytes) in one piece.
            for lesson in lessons:
                os.write(learn_write, lesson.encode() + b"\n")

    atexit.register(report)
    run_as_main(order["module"], order["arguments"].encode(), order["profile"])


def run_as_main(module: str, arguments: bytes, profile: str) -> None:
    """Runs a module as Ansible's wrapper does, which has a loader for that since 2.19."""
    try:
        from ansible.module_utils._internal._ansiballz import _loader
    except ImportError:
        from ansible.module_utils import basic

        basic._ANSIBLE_ARGS = arguments
        given = {"_module_fqn": module, "_modlib_path": sys.path[0]}
        runpy.run_module(mod_name=module, init_globals=given, run_name="__main__", alter_sys=True)
        print('{"msg": "New-style module did not handle its own exit", "failed": true}')
        sys.exit(1)
    _loader.run_module(
        json_params=arguments, profile=profile, module_fqn=module, modlib_path=sys.path[0], extensions={}
    )


def exit_status(code: object) -> int:
    """What Python makes of sys.exit(code)."""
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1


def end(status: int) -> NoReturn:
    """Ends this process as Python's own end would, but for taking everything apart that was loaded, which takes longer than most modules."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


def main() -> None:
    parent, ansible_folder, *roots = sys.argv[1:]
    del sys.path[0]  # this file's folder, which holds no library
    if ansible_folder not in sys.path:
        sys.path.append(ansible_folder)
    sys.meta_path.insert(0, CollectionFinder([*roots, *sys.path]))
    sys.dont_write_bytecode = False
    models = Models()
    for name in FIRST:
        with contextlib.suppress(ImportError):  # a module that needs it says so itself
            load(name)
    events: dict[str, str] = {}
    with contextlib.suppress(Exception):  # a profile that does not exist, say: likewise
        events = remember()
        rehearse(models)
    clients = None
    with contextlib.suppress(ImportError):
        load(CONNECTIONS)
        if CONNECTIONS in sys.modules:
            clients = importlib.import_module(CLIENTS).start(sys.modules[CONNECTIONS])
    gc.collect()
    gc.freeze()
    server = Server(socket.socket(fileno=os.dup(0)), int(parent), models, clients)
    job = server.serve()
    if job is None:  # Ansible was killed, and cannot tidy up
        socket_path = Path(server.listener.getsockname())
        with contextlib.suppress(OSError):
            socket_path.unlink()
            socket_path.parent.rmdir()
        return
    status = 1
    try:
        run(job, models, events, clients, server.learn_write)
    except SystemExit as ended:
        status = exit_status(ended.code)
    except BaseException:  # as Python does with what nobody catches
        traceback.print_exc()
    end(status)


if __name__ == "__main__":
    main()
