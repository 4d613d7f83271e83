"""How a document is applied to an instance, without the instance: AWS-ApplyAnsiblePlaybooks by fetching the bundle from the emulated S3,
unpacking it, and letting Ansible check the playbook's syntax with the variables it would get.

A data plane that has machines is asked first, by the hook "ssm.run", whose answer is what came of it there: exit code, output, errors.
One that stands in for them is asked by the hook "ssm.apply", whose answer is the exit code and what it printed. "ssm.applied" tells that
it was applied.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.parse
import zipfile
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from moto.s3.models import s3_backends

from localcloud import children, hooks
from localcloud.systems_manager.documents import MANAGED

LARGEST = 512 * 1024 * 1024  # bytes that a bundle may unpack to
SECONDS = 120
FOLDER = "localcloud-bundle-"


@dataclass(frozen=True)
class Outcome:
    """What the agent reports: the plugin that had the last word, its exit code, what it printed."""

    plugin: str
    step: str
    code: int
    stdout: str = ""
    stderr: str = ""

    @property
    def succeeded(self) -> bool:
        return self.code == 0


@dataclass(frozen=True)
class Order:
    """One document for one instance."""

    account: str
    region: str
    instance_id: str
    document: str
    parameters: dict[str, list[str]]

    def value(self, name: str) -> str:
        """The parameter's value, or the document's default."""
        if name in self.parameters:
            return self.parameters[name][0]
        default = MANAGED[self.document][1][name].get("default", "")
        return default if isinstance(default, str) else json.dumps(default)


class Problem(Exception):
    """Why the agent could not go on."""


def apply(order: Order) -> Outcome:
    """Applies a document; never raises."""
    known = APPLIERS.get(order.document)
    if known is None:
        return Outcome(
            "aws:runShellScript",
            "runShellScript",
            1,
            stderr=f"The local cloud has no machine behind {order.instance_id} to run {order.document} on; "
            f"it applies {', '.join(APPLIERS)} alone.\n",
        )
    try:
        return known(order)
    except Problem as problem:
        return Outcome("aws:downloadContent", "downloadContent", 1, stderr=f"{problem}\n")


def apply_playbook(order: Order) -> Outcome:
    bundle = fetch(order)
    ran: tuple[int, str, str] | None = hooks.ask("ssm.run", order=order, bundle=bundle)
    if ran is not None:
        return script_outcome(*ran)
    outcome = CHECKS.ask(bundle, order.value("PlaybookFile"), order.value("ExtraVariables"))
    if outcome.succeeded:
        facts = {
            "account": order.account,
            "region": order.region,
            "instance_id": order.instance_id,
            "document": order.document,
            "parameters": order.parameters,
            "bundle": bundle,
        }
        done: tuple[int, str] | None = hooks.ask("ssm.apply", **facts)
        if done is not None:
            code, text = done
            outcome = script_outcome(code, outcome.stdout + ("" if code else text), text if code else "")
        if outcome.succeeded:
            hooks.tell("ssm.applied", **facts)
    return outcome


APPLIERS: dict[str, Callable[[Order], Outcome]] = {"AWS-ApplyAnsiblePlaybooks": apply_playbook}


def fetch(order: Order) -> bytes:
    """The bundle, as aws:downloadContent fetches it.

    https://docs.aws.amazon.com/systems-manager/latest/userguide/documents-command-ssm-plugin-reference.html
    """
    if order.value("SourceType") != "S3":
        raise Problem("The local cloud downloads from its own S3 alone, not from GitHub.")
    path = json.loads(order.value("SourceInfo")).get("path")
    if not path:
        raise Problem("SourceInfo must hold the path of what is to be downloaded.")
    bucket, key = locate(path)
    found = s3_backends[order.account]["aws"].buckets.get(bucket)
    if found is None:
        raise Problem(f"failed to download {path}: NoSuchBucket: The specified bucket does not exist")
    item = found.keys.get(key)
    if item is None:
        raise Problem(f"failed to download {path}: NoSuchKey: The specified key does not exist.")
    return bytes(item.value)


def locate(path: str) -> tuple[str, str]:
    """(bucket, key) of an S3 URL, virtual-hosted or path style."""
    url = urllib.parse.urlsplit(path)
    host, key = url.hostname or "", urllib.parse.unquote(url.path.lstrip("/"))
    if url.scheme == "https" and host.endswith((".amazonaws.com", ".amazonaws.com.cn")):
        bucket, dot, _ = host.partition(".s3")
        if dot and bucket:
            return bucket, key
        if host.startswith(("s3.", "s3-")) and "/" in key:
            bucket, _, key = key.partition("/")
            return bucket, key
    raise Problem(f"{path} is not the HTTPS address of an object in S3.")


class Checks:
    """Each bundle, playbook and set of variables is checked once: fourteen instances of two kinds cost one run of Ansible.

    The values of variables do not count: they act on a playbook's syntax only where the name of a file that it imports is made of them.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.answers: dict[tuple[str, str, tuple[str, ...]], Future[Outcome]] = {}

    def ask(self, bundle: bytes, playbook: str, variables: str) -> Outcome:
        key = (hashlib.sha256(bundle).hexdigest(), playbook, names(variables))
        with self.lock:
            mine = key not in self.answers
            answer = self.answers.setdefault(key, Future())
        if mine:
            try:
                answer.set_result(check(bundle, playbook, variables))
            except BaseException as error:
                with self.lock:
                    del self.answers[key]
                answer.set_exception(error)
        return answer.result()


CHECKS = Checks()


def names(variables: str) -> tuple[str, ...]:
    """The names in "name=value name=value"; all of it where it is not of that form, which is for Ansible to refuse."""
    try:
        words = shlex.split(variables)
    except ValueError:
        return (variables,)
    return tuple(word.partition("=")[0] for word in words) if all("=" in word for word in words) else (variables,)


def check(bundle: bytes, playbook: str, variables: str) -> Outcome:
    """What Ansible says of the bundle's playbook with these variables."""
    sweep()
    with tempfile.TemporaryDirectory(prefix=f"{FOLDER}{os.getpid()}-") as folder:
        root = Path(folder) / "bundle"
        unpack(bundle, root)
        if not (root / playbook).is_file():
            files = ", ".join(sorted(str(each.relative_to(root)) for each in root.glob("*.y*ml"))) or "none"
            return script_outcome(
                2, "", f"The specified Playbook file doesn't exist: {playbook} (at the root there are: {files})\n"
            )
        program = ansible_playbook()
        if program is None:
            return script_outcome(
                127, "", "There is no ansible-playbook beside the local cloud's Python nor on its PATH.\n"
            )
        environment = {
            "PATH": f"{Path(program).parent}:{os.environ.get('PATH', os.defpath)}",
            "HOME": folder,
            "LANG": "C.UTF-8",
            "ANSIBLE_HOME": f"{folder}/ansible",
            "ANSIBLE_NOCOLOR": "1",
        }
        command = [program, "-i", "localhost,", "-c", "local", "-e", variables, "--syntax-check", playbook]
        process = children.spawn(
            command,
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            stdout, stderr = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            children.end(process)
            return script_outcome(124, "", f"ansible-playbook was ended after {SECONDS} s.\n")
        return script_outcome(process.returncode, stdout.decode("utf-8", "replace"), stderr.decode("utf-8", "replace"))


def sweep() -> None:
    """Removes what a local cloud that was killed amid a check has left behind."""
    for left in Path(tempfile.gettempdir()).glob(f"{FOLDER}*"):
        owner = left.name.removeprefix(FOLDER).partition("-")[0]
        if owner.isdigit() and not Path("/proc", owner).exists() and Path("/proc/self").exists():
            shutil.rmtree(left, ignore_errors=True)


def script_outcome(code: int, stdout: str, stderr: str) -> Outcome:
    if code:
        stderr += f"failed to run commands: exit status {code}\n"  # the agent's own last words
    return Outcome("aws:runShellScript", "runShellScript", code, stdout, stderr)


def ansible_playbook() -> str | None:
    beside = Path(sys.executable).with_name("ansible-playbook")
    return str(beside) if beside.exists() else shutil.which("ansible-playbook")


def unpack(content: bytes, folder: Path) -> None:
    """Unpacks regular files only, and only into the folder."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
        entries = archive.infolist()
    except zipfile.BadZipFile as error:
        raise Problem(f"what was downloaded is not a zip file: {error}") from error
    if sum(entry.file_size for entry in entries) > LARGEST:
        raise Problem(f"the zip file unpacks to more than {LARGEST} bytes")
    folder.mkdir()
    for entry in entries:
        path = PurePosixPath(entry.filename)
        kind = entry.external_attr >> 28
        if path.is_absolute() or ".." in path.parts or kind not in (0, 0o4, 0o10):
            raise Problem(f"the zip file holds {entry.filename}, which does not belong into a bundle")
        target = folder.joinpath(*path.parts)
        if entry.is_dir():
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(archive.read(entry))
