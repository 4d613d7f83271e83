# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Ansible's side of the warm runner: starts the helper process, says which tasks it may run, and hands modules to it."""

from __future__ import annotations

import contextlib
import gc
import importlib
import inspect
import json
import os
import secrets
import selectors
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.executor import module_common
from ansible.module_utils.ansible_release import __version__ as ansible_version
from ansible.module_utils.common import warnings as said_by_modules
from ansible.module_utils.common.text.converters import to_text
from ansible.module_utils.json_utils import _filter_non_json_lines
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import (
    action_loader,
    connection_loader,
    filter_loader,
    lookup_loader,
    module_loader,
    shell_loader,
    test_loader,
)
from ansible.utils.collection_loader import AnsibleCollectionConfig
from ansible_collections.lks.llm.plugins.plugin_utils import warm_templates

PROFILE = "legacy"  # how module arguments and results are written, unless a module says otherwise; none of AWS's does
OLDEST, NEWEST = (2, 17), (2, 22)  # ansible-core versions, the newest excluded, of which the following is known to hold
# The parts of ActionBase that the action plugin overrides or calls, with their parameters. They are not promised to stay.
REACHED = {
    "_execute_module": ("self", "module_name", "module_args"),
    "_configure_module": ("self", "module_name", "module_args", "task_vars"),
    "_is_pipelining_enabled": ("self", "module_style", "wrap_async"),
    "_low_level_execute_command": ("self", "cmd", "sudoable", "in_data", "executable"),
    "_compute_environment_string": ("self", "raw_environment_out"),
}
# Variables that act when Python starts or when botocore is imported: too late for a process that has done both.
STARTING = ("PYTHON", "LD_", "DYLD_", "BOTOCORE_", "OPENSSL_", "SSL_")
# Plugins of Ansible's own that most tasks use.
EVERY_TASK = (
    (action_loader, ("ansible.legacy.normal",)),
    (connection_loader, ("ansible.builtin.local",)),
    (lookup_loader, ("ansible.builtin.env", "ansible.builtin.file", "ansible.builtin.template")),
    (shell_loader, ("ansible.builtin.sh",)),
)
# Where Jinja's own filters and tests are looked for first, and how modules are spoken to.
ALSO = (
    "ansible_collections.ansible.builtin.plugins.filter",
    "ansible_collections.ansible.builtin.plugins.test",
    "ansible.module_utils._internal._json._profiles._module_legacy_c2m",
    "ansible.module_utils._internal._json._profiles._module_legacy_m2c",
)
BUILTIN = "ansible.builtin"
SIZE = struct.Struct("!Q")


@dataclass(frozen=True)
class Module:
    """A module that may run warm: its full Python name, its file, and the environment that its task gives it."""

    name: str
    path: str
    environment: dict[str, str]


@dataclass
class Helper:
    """The helper process of this run; the forked workers of Ansible inherit this."""

    process: subprocess.Popen
    folder: tempfile.TemporaryDirectory
    address: str
    collections: frozenset
    owner: int
    templates: warm_templates.Templates | None


_helper: Helper | None = None


def unsupported() -> str | None:
    """Why the warm runner cannot be used here, or None."""
    if not hasattr(os, "fork") or not hasattr(socket, "send_fds"):
        return "this system has no fork, or cannot pass file descriptors between processes"
    version = tuple(int(part) for part in ansible_version.split(".")[:2])
    if not OLDEST <= version < NEWEST:
        oldest, newest = (".".join(map(str, item)) for item in (OLDEST, NEWEST))
        return f"ansible-core {ansible_version} is not one of those it knows, {oldest} to below {newest}"
    for name, expected in REACHED.items():
        found = tuple(inspect.signature(getattr(ActionBase, name, lambda: None)).parameters)
        if found[: len(expected)] != expected:
            return f"this ansible-core has another ActionBase.{name}"
    if not (hasattr(said_by_modules, "_global_warnings") and hasattr(said_by_modules, "_global_deprecations")):
        return "this ansible-core keeps what modules warn of in another place"
    return None


def start(collections: list[str]) -> None:
    """Starts the helper; it listens on a socket that only this user can reach and ends with this process."""
    global _helper
    folder = tempfile.TemporaryDirectory(prefix="ansible-warm-")
    address = str(Path(folder.name) / "socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(128)
        script = Path(__file__).with_name("warm_helper.py")
        parent = str(os.getpid())  # whose end it might not see otherwise, if that comes first
        command = [python(), str(script), parent, _ansible_folder(), *AnsibleCollectionConfig.collection_paths]
        process = subprocess.Popen(
            command,
            stdin=listener.fileno(),
            # Ansible keeps its own from its children, and a Python that starts without them has none to give to a module.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    templates = warm_templates.start(Path(folder.name))
    _helper = Helper(process, folder, address, frozenset(collections), os.getpid(), templates)


def _ansible_folder() -> str:
    """The folder from which this Ansible was imported, which the helper's Python need not have on its path."""
    import ansible

    return str(Path(ansible.__file__).parents[1])


def load_ahead(filters: list[str]) -> None:
    """Loads what tasks need into this process once, rather than in each of the workers that Ansible forks from it.

    A filter that cannot be loaded is left to the task that uses it, which says so.
    """
    for loader in (filter_loader, test_loader):
        for _dummy in loader.all():
            pass
    find_jinjas_own()
    for name in filters:
        with contextlib.suppress(Exception):
            filter_loader.get(name)
    for loader, names in EVERY_TASK:
        for name in names:
            loader.get(name, class_only=True)
    for name in ALSO:
        with contextlib.suppress(ImportError):  # not in every version
            importlib.import_module(name)
    gc.collect()
    gc.freeze()
    os.register_at_fork(after_in_child=_look_for_no_garbage)


def find_jinjas_own() -> None:
    """Lets Jinja's own filters and tests be found at once. Ansible looks for each of them in its own folders first, in each worker anew."""
    try:
        from ansible._internal._templating._jinja_plugins import JinjaPluginIntercept as Plugins

        find = Plugins.__getitem__
        empty = Plugins({}, filter_loader)
        known = (empty._wrapped_funcs, empty._jinja_builtins, filter_loader._cached_non_collection_wrappers)
    except (ImportError, AttributeError, TypeError):
        return
    if not all(isinstance(each, dict) for each in known) or not hasattr(Plugins, "_wrap_and_set_func"):
        return

    def find_at_once(self: Any, name: str) -> Any:
        ansibles = self._plugin_loader._cached_non_collection_wrappers
        if ansibles and name not in ansibles and name in self._jinja_builtins and name not in self._wrapped_funcs:
            return self._wrap_and_set_func(self._jinja_builtins[name])
        return find(self, name)

    Plugins.__getitem__ = find_at_once


def _look_for_no_garbage() -> None:
    """A worker lives for a moment: what it inherited is none, and to look for its own costs more than it finds."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def learn() -> None:
    """Takes over from the workers so far what may serve the next."""
    if _helper and _helper.templates:
        _helper.templates.learn()


def stop() -> None:
    global _helper
    if _helper is None or _helper.owner != os.getpid():
        return
    _helper.process.terminate()
    _helper.process.wait()
    _helper.folder.cleanup()
    _helper = None


def packed() -> Any:
    """What Ansible goes on with after a module is packed; there is nothing to send."""
    parts = {"b_module_data": b"", "module_style": "new", "shebang": f"#!{python()}"}
    if hasattr(module_common, "_BuiltModule"):
        return module_common._BuiltModule(serialization_profile=PROFILE, **parts)
    return parts["module_style"], parts["shebang"], parts["b_module_data"]  # before 2.19


def python() -> str:
    """The Python that runs Ansible and, warm, the modules."""
    return sys.executable


def eligible(action: ActionBase, name: str, task_vars: dict) -> Module | None:
    """The module, if this task may run it warm; None if it must run the ordinary way."""
    if _helper is None:
        return None
    connection = action._connection
    if connection.transport != "local" or connection.become is not None:
        return None
    if os.path.realpath(_interpreter(action, task_vars)) != os.path.realpath(python()):
        return None
    found = module_loader.find_plugin_with_context(name, ".py", collection_list=action._task.collections)
    if not found.resolved or found.plugin_resolved_collection not in _helper.collections:
        return None
    path = Path(found.plugin_resolved_path)
    relative = path.relative_to(next(parent for parent in path.parents if parent.name == "modules")).with_suffix("")
    collection = found.plugin_resolved_collection
    package = "ansible" if collection == BUILTIN else f"ansible_collections.{collection}.plugins"
    parts = (package, "modules", *relative.parts)
    environment: dict = {}
    action._compute_environment_string(environment)
    if any(key.startswith(STARTING) for key in environment):
        return None
    return Module(".".join(parts), str(path), environment)


def _interpreter(action: ActionBase, task_vars: dict) -> str:
    """What ansible_python_interpreter says of the host that the task is delegated to, or of its own; '' where it is to be discovered."""
    if action._task.delegate_to:
        task_vars = task_vars.get("ansible_delegated_vars", {}).get(action._task.delegate_to, {})
    chosen = to_text(action._templar.template(task_vars.get("ansible_python_interpreter", "")))
    return chosen if chosen.startswith("/") else ""


def run(job: dict, folder: str) -> dict:
    """Runs a module in the helper; returns what ActionBase._low_level_execute_command does.

    The helper's child writes into pipes that are made here, so that its output needs nobody in between; the socket carries the job to it and
    its exit status back. When this process is ended, the socket closes and the helper ends the child.
    """
    if _helper is None:
        raise AnsibleError("The helper process of lks.llm.warm was not started.")
    message = json.dumps(
        {
            "module": job["module"].name,
            "profile": PROFILE,
            "arguments": _encode(job["arguments"]),
            "environment": {
                **_environment(folder),
                **{key: to_text(value) for key, value in job["environment"].items()},
            },
            "folder": str(Path(folder).absolute()),
        }
    ).encode("utf-8", "surrogateescape")
    out_read, out_write = os.pipe()
    err_read, err_write = os.pipe()
    with contextlib.ExitStack() as stack:
        channel = stack.enter_context(socket.socket(socket.AF_UNIX))
        try:
            try:
                channel.connect(_helper.address)
            except OSError as error:
                raise AnsibleError(
                    f"The helper process of lks.llm.warm is gone ({error}). Run again; ANSIBLE_WARM=false does without it."
                ) from error
            socket.send_fds(channel, [SIZE.pack(len(message))], [out_write, err_write])
            channel.sendall(message)
        finally:
            os.close(out_write)
            os.close(err_write)
        out, err = _read_all(out_read, err_read)
        answer = channel.recv(64)
    status = int(answer) if answer else 1
    # A shell stands between Ansible and an ordinary module; it turns the number of a signal into this.
    status = 128 - status if status < 0 else status
    stdout, stderr = (to_text(data, errors="surrogate_then_replace") for data in (out, err))
    return {
        "rc": status,
        "stdout": stdout,
        "stdout_lines": stdout.splitlines(),
        "stderr": stderr,
        "stderr_lines": stderr.splitlines(),
    }


def _environment(folder: str) -> dict[str, str]:
    """This process's environment as the shell hands it on that stands between Ansible and an ordinary module: it corrects PWD."""
    environment = dict(os.environ)
    with contextlib.suppress(OSError):
        if "PWD" in environment and not Path(environment["PWD"]).samefile(folder):
            environment["PWD"] = os.path.realpath(folder)
    return environment


def run_on(job: dict, folder: str) -> dict:
    """Starts a module that nobody waits for; returns what C(async_wrapper) prints, and keeps its result where C(async_status) looks for it.

    A process of its own hands the module to the helper and writes down what comes of it. As with C(async_wrapper), that process outlives
    the task, and ends the module when its seconds are over.
    """
    known = Path(job["environment"]["ANSIBLE_ASYNC_DIR"]).expanduser()
    known.mkdir(parents=True, exist_ok=True)
    number = f"j{secrets.randbelow(10**12)}.{os.getpid()}"
    path = known / number
    begun = {"started": True, "finished": False, "ansible_job_id": number}
    _keep(path, begun)
    if os.fork() == 0:
        try:
            os.setsid()
            for kind in (signal.SIGINT, signal.SIGTERM):
                signal.signal(kind, signal.SIG_DFL)
            _keep(path, _outcome(job, folder))
        finally:
            os._exit(0)
    stdout = json.dumps({"failed": False, **begun, "results_file": str(path)})
    return {"rc": 0, "stdout": stdout, "stdout_lines": [stdout], "stderr": "", "stderr_lines": []}


def _outcome(job: dict, folder: str) -> dict:
    """The result of a module, as C(async_wrapper) writes it down."""

    def too_long(_signal: int, _frame: object) -> None:
        raise TimeoutError("Timeout exceeded")

    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(int(job["seconds"]))
    said = {"stdout": "", "stderr": ""}
    try:
        said = run(job, folder)
        filtered, warnings = _filter_non_json_lines(said["stdout"])
        result = json.loads(filtered)
        if warnings:
            given = result.get("warnings", [])
            result["warnings"] = [*(given if isinstance(given, list) else [given]), *warnings]
        return {**result, "stderr": said["stderr"]} if said["stderr"] else result
    except TimeoutError as error:
        return {"failed": True, "msg": str(error), "child_pid": os.getpid()}
    except Exception:  # a module that printed no JSON, or a helper that is gone: who asks for the result must find one
        return {"failed": True, "msg": traceback.format_exc(), "data": said["stdout"], "stderr": said["stderr"]}


def _keep(path: Path, result: dict) -> None:
    """Writes a result, so that a reader never sees half of it and nobody else sees any."""
    part = path.with_name(f"{path.name}.tmp")
    part.touch(mode=0o600)
    part.write_text(json.dumps(result))
    part.rename(path)


def _encode(arguments: dict) -> str:
    """The module's arguments as Ansible itself writes them."""
    whole = {"ANSIBLE_MODULE_ARGS": arguments}
    try:
        from ansible.module_utils.common.json import Direction, get_module_encoder
    except ImportError:  # before 2.19
        from ansible.module_utils.common.json import AnsibleJSONEncoder

        return json.dumps(whole, cls=AnsibleJSONEncoder, vault_to_text=True)
    return json.dumps(whole, cls=get_module_encoder(PROFILE, Direction.CONTROLLER_TO_MODULE))


def _read_all(*descriptors: int) -> list[bytes]:
    """Everything that comes out of these pipes, which are closed at their end."""
    collected = {descriptor: bytearray() for descriptor in descriptors}
    with selectors.DefaultSelector() as selector:
        for descriptor in descriptors:
            selector.register(descriptor, selectors.EVENT_READ)
        while selector.get_map():
            for key, _dummy in selector.select():
                data = os.read(key.fd, 65536)
                if data:
                    collected[key.fd] += data
                else:
                    selector.unregister(key.fd)
                    os.close(key.fd)
    return [bytes(data) for data in collected.values()]
