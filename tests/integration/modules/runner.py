"""Runs one module on a local cloud, in a forked process of the test's own: no Ansible around it, no time lost."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import multiprocessing
import os
import traceback
from typing import Any

from ..playbooks import Cloud

REGION = "us-east-1"
SECONDS = 120


class Modules:
    """`modules("lks.llm.cloudwatch_dashboard", name=…)` returns what the module returns; a failure has `failed: True`."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    def __call__(
        self, module: str, *, check_mode: bool = False, region: str = REGION, **arguments: Any
    ) -> dict[str, Any]:
        namespace, collection, name = module.split(".")
        # Imported here, once, so that the processes forked from this one need not do it again.
        code = importlib.import_module(f"ansible_collections.{namespace}.{collection}.plugins.modules.{name}")
        fork = multiprocessing.get_context("fork")
        receiver, sender = fork.Pipe(duplex=False)
        arguments = {
            "region": region,
            "endpoint_url": f"http://127.0.0.1:{self.cloud.port}",
            "access_key": "localcloud",
            "secret_key": "localcloud",
            **arguments,
            "_ansible_check_mode": check_mode,
            "_ansible_diff": True,
        }
        process = fork.Process(target=run, args=(code, arguments, sender))
        process.start()
        sender.close()
        try:
            result = receiver.recv() if receiver.poll(SECONDS) else {"failed": True, "msg": f"no result in {SECONDS} s"}
        except EOFError:
            result = {"failed": True, "msg": "the module ended without a result"}
        finally:
            process.kill()
            process.join()
        return result

    def lifecycle(self, module: str, **arguments: Any) -> dict[str, Any]:
        """Check mode would change, apply changes, check mode and apply again do not, nor does the second apply write; returns the first apply."""
        preview = self(module, check_mode=True, **arguments)
        assert not preview.get("failed"), preview
        assert preview["changed"], preview
        applied = self(module, **arguments)
        assert not applied.get("failed"), applied
        assert applied["changed"], applied
        self.unchanged(module, **arguments)
        return applied

    def unchanged(self, module: str, **arguments: Any) -> dict[str, Any]:
        """Neither check mode nor a run changes anything, and the run makes no mutating call."""
        preview = self(module, check_mode=True, **arguments)
        assert not preview.get("failed"), preview
        assert not preview["changed"], preview
        self.cloud.begin("unchanged")
        again = self(module, **arguments)
        assert not again.get("failed"), again
        assert not again["changed"], again
        assert self.cloud.requests("unchanged")["writes"] == {}
        return again


def run(code: Any, arguments: dict[str, Any], sender: Any) -> None:
    """In the child: the module's main(), its printed JSON sent back."""
    from ansible.module_utils.testing import patch_module_args

    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    printed, ended = io.StringIO(), ""
    with contextlib.redirect_stdout(printed), patch_module_args(arguments):
        try:
            code.main()
        except SystemExit:
            pass
        except BaseException:  # what a module lets through is its result here, as it is under Ansible
            ended = traceback.format_exc()
    lines = [line for line in printed.getvalue().splitlines() if line.startswith("{")]
    sender.send(json.loads(lines[-1]) if lines else {"failed": True, "msg": ended or printed.getvalue()})
