"""Amplify Hosting, which moto lacks: apps, branches and their jobs. A job passes or fails after a time; nothing is cloned or built.

Registered with moto as a service of its own, so that its server finds it by the host name that AWS gives it.
"""

from __future__ import annotations

import base64
import datetime
import re
import sys
import time
import types
from typing import Any

import yaml
from moto import backend_index
from moto.core.base_backend import BackendDict, BaseBackend
from moto.core.responses import ActionResult, BaseResponse
from moto.moto_api._internal import mock_random

from localcloud.pace import PACE
from localcloud.protocol import Refused, match_route

HOST = r"https?://amplify\.(.+)\.amazonaws\.com"
PAGE = 10
PENDING = 0.2  # the part of a job's time that it waits to be begun
STEPS = ("BUILD", "DEPLOY", "VERIFY")
# Accepted and never given back. https://docs.aws.amazon.com/amplify/latest/APIReference/API_CreateApp.html
SECRETS = ("accessToken", "oauthToken")


def moment(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


def build_fault(spec: str, environment: dict[str, str]) -> str:
    """Why a build ends with an error before any command runs; empty where nothing is wrong with it.

    https://docs.aws.amazon.com/amplify/latest/userguide/monorepo-configuration.html
    """
    root = environment.get("AMPLIFY_MONOREPO_APP_ROOT")
    if not spec:
        return ""  # the repository's own amplify.yml, or what Amplify detects
    try:
        found = yaml.safe_load(spec)
    except yaml.YAMLError as error:
        return f"CustomerError: The build specification is not valid YAML: {error}"
    if not isinstance(found, dict):
        return "CustomerError: The build specification provided is invalid"
    applications = found.get("applications")
    if root and not isinstance(applications, list):
        return 'CustomerError: Monorepo spec provided without "applications" key'
    if isinstance(applications, list):
        roots = [item.get("appRoot") for item in applications if isinstance(item, dict)]
        if root not in roots:
            return (
                f"CustomerError: Cannot find an application with appRoot {root} in the build specification; set "
                f"AMPLIFY_MONOREPO_APP_ROOT to one of {roots}"
            )
    return ""


class Job:
    def __init__(self, arn: str, number: str, kind: str, fault: str) -> None:
        self.arn = arn
        self.number = number
        self.kind = kind
        self.fault = fault
        self.started = time.time()
        self.begins = self.started + PENDING * PACE.seconds("client build")
        self.ends = self.started + PACE.seconds("client build")
        self.stopped: float | None = None

    @property
    def status(self) -> str:
        if self.stopped:
            return "CANCELLED"
        if time.time() < self.begins:
            return "PENDING"
        if time.time() < self.ends:
            return "RUNNING"
        return "FAILED" if self.fault else "SUCCEED"

    @property
    def ended(self) -> float | None:
        if self.stopped:
            return self.stopped
        return self.ends if self.status in ("SUCCEED", "FAILED") else None

    def summary(self) -> dict[str, Any]:
        told = {
            "jobArn": self.arn,
            "jobId": self.number,
            "commitId": "HEAD",
            "commitMessage": "",
            "commitTime": moment(self.started),
            "startTime": moment(self.started),
            "status": self.status,
            "jobType": self.kind,
        }
        if self.ended:
            told["endTime"] = moment(self.ended)
        return told

    def steps(self) -> list[dict[str, Any]]:
        status = self.status
        if status == "PENDING":
            return []
        told = []
        for name in STEPS[:1] if status == "RUNNING" else STEPS:
            failed = name == "BUILD" and status == "FAILED"
            told.append(
                {
                    "stepName": name,
                    "startTime": moment(self.begins),
                    "endTime": moment(self.ended or time.time()),
                    "status": status if name == "BUILD" or status != "FAILED" else "CANCELLED",
                    "logUrl": f"https://aws-amplify-logs.example.com/{self.arn.rpartition(':')[2]}/{name}.txt",
                    **({"statusReason": self.fault} if failed else {}),
                }
            )
        return told


class Branch:
    def __init__(self, arn: str, settings: dict[str, Any]) -> None:
        self.arn = arn
        self.created = self.updated = time.time()
        self.jobs: list[Job] = []
        self.tags: dict[str, str] = dict(settings.pop("tags", None) or {})
        self.settings: dict[str, Any] = {
            "description": "",
            "displayName": re.sub(r"[^a-z0-9]+", "-", settings["branchName"].lower()).strip("-"),
            "stage": "NONE",
            "framework": "",
            "enableNotification": False,
            "enableAutoBuild": True,
            "enableBasicAuth": False,
            "enablePullRequestPreview": False,
            "enablePerformanceMode": False,
            "environmentVariables": {},
            "ttl": "5",
        }
        self.change(settings)

    def change(self, settings: dict[str, Any]) -> None:
        self.settings.update({key: value for key, value in settings.items() if value is not None})
        self.updated = time.time()

    def describe(self) -> dict[str, Any]:
        return {
            **self.settings,
            "branchArn": self.arn,
            "createTime": moment(self.created),
            "updateTime": moment(self.updated),
            "customDomains": [],
            "activeJobId": next((job.number for job in reversed(self.jobs) if job.status == "SUCCEED"), "0"),
            "totalNumberOfJobs": str(len(self.jobs)),
            "tags": self.tags,
        }


class App:
    def __init__(self, identifier: str, arn: str, settings: dict[str, Any]) -> None:
        self.id = identifier
        self.arn = arn
        self.created = self.updated = time.time()
        self.branches: dict[str, Branch] = {}
        self.tags: dict[str, str] = dict(settings.pop("tags", None) or {})
        self.settings: dict[str, Any] = {
            "description": "",
            "repository": "",
            "platform": "WEB",
            "environmentVariables": {},
            "enableBranchAutoBuild": False,
            "enableBranchAutoDeletion": False,
            "enableBasicAuth": False,
            "enableAutoBranchCreation": False,
            "customRules": [],
        }
        self.change(settings)

    def change(self, settings: dict[str, Any]) -> None:
        self.settings.update(
            {key: value for key, value in settings.items() if value is not None and key not in SECRETS}
        )
        self.updated = time.time()

    def describe(self) -> dict[str, Any]:
        told = {
            **self.settings,
            "appId": self.id,
            "appArn": self.arn,
            "createTime": moment(self.created),
            "updateTime": moment(self.updated),
            "defaultDomain": f"{self.id}.amplifyapp.com",
            "tags": self.tags,
        }
        if self.settings["repository"]:
            told["repositoryCloneMethod"] = "TOKEN"
        return told


class AmplifyBackend(BaseBackend):
    """The apps of one account and region."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.apps: dict[str, App] = {}

    @property
    def _url_module(self) -> Any:
        return types.SimpleNamespace(url_bases=[HOST], url_paths={"{0}/<path:rest>": AmplifyResponse.dispatch})

    def app(self, identifier: str) -> App:
        if identifier not in self.apps:
            raise Refused("NotFoundException", f"App {identifier} not found.")
        return self.apps[identifier]

    def branch(self, app: str, name: str) -> Branch:
        branches = self.app(app).branches
        if name not in branches:
            raise Refused("NotFoundException", f"Branch {name} not found.")
        return branches[name]

    def job(self, app: str, branch: str, number: str) -> Job:
        for job in self.branch(app, branch).jobs:
            if job.number == number:
                return job
        raise Refused("NotFoundException", f"Job {number} not found.")

    def create_app(self, settings: dict[str, Any]) -> App:
        identifier = "d" + "".join(mock_random.choice("0123456789abcdefghijklmnopqrstuvwxyz") for _ in range(13))
        arn = f"arn:{self.partition}:amplify:{self.region_name}:{self.account_id}:apps/{identifier}"
        self.apps[identifier] = App(identifier, arn, settings)
        return self.apps[identifier]

    def update_app(self, settings: dict[str, Any]) -> App:
        app = self.app(settings.pop("appId"))
        other = settings.get("repository")
        if other and other != app.settings["repository"] and app.branches:
            # Reported by users and maintainers: github.com/aws-amplify/amplify-hosting issues 288, 2756, 2930.
            raise Refused(
                "BadRequestException", "There was an issue setting up your repository. Please try again later."
            )
        app.change(settings)
        return app

    def create_branch(self, settings: dict[str, Any]) -> Branch:
        app = self.app(settings.pop("appId"))
        name = settings["branchName"]
        if name in app.branches:
            raise Refused("BadRequestException", f"The branch {name} already exists.")
        app.branches[name] = Branch(f"{app.arn}/branches/{name}", settings)
        return app.branches[name]

    def start_job(self, settings: dict[str, Any]) -> Job:
        app, branch = self.app(settings["appId"]), self.branch(settings["appId"], settings["branchName"])
        if settings["jobType"] != "MANUAL" and not app.settings["repository"]:
            raise Refused("BadRequestException", "Operation not supported. The app is not connected to a repository.")
        if branch.jobs and branch.jobs[-1].ended is None:
            raise Refused("BadRequestException", f"The last job {branch.jobs[-1].number} was not finished.")
        number = str(len(branch.jobs) + 1)
        environment = {**app.settings["environmentVariables"], **branch.settings["environmentVariables"]}
        spec = branch.settings.get("buildSpec") or app.settings.get("buildSpec") or ""
        arn = f"{branch.arn}/jobs/{number.zfill(10)}"
        branch.jobs.append(Job(arn, number, settings["jobType"], build_fault(spec, environment)))
        return branch.jobs[-1]

    def tagged(self, arn: str) -> dict[str, str]:
        for app in self.apps.values():
            if arn == app.arn:
                return app.tags
            for branch in app.branches.values():
                if arn == branch.arn:
                    return branch.tags
        raise Refused("ResourceNotFoundException", f"Resource {arn} not found.")


class AmplifyResponse(BaseResponse):
    """The operations, each with the answer that AWS's model describes."""

    def __init__(self) -> None:
        super().__init__(service_name="amplify")
        self.automated_parameter_parsing = True

    @property
    def backend(self) -> AmplifyBackend:
        return amplify_backends[self.current_account][self.region]

    def _get_action_from_method_and_request_uri(self, request: Any) -> str:
        """Moto's router sees the path decoded, where a branch called feature/x is two steps of it."""
        name, self.uri_match = match_route("amplify", request.environ)
        return name

    def given(self) -> dict[str, Any]:
        return dict(self.params)

    def page(self, key: str, items: list[Any]) -> ActionResult:
        given = self.given()
        size = int(given.get("maxResults") or PAGE)
        begin = int(base64.urlsafe_b64decode(given["nextToken"])) if given.get("nextToken") else 0
        answer: dict[str, Any] = {key: items[begin : begin + size]}
        if begin + size < len(items):
            answer["nextToken"] = base64.urlsafe_b64encode(str(begin + size).encode()).decode()
        return ActionResult(answer)

    def create_app(self) -> ActionResult:
        return ActionResult({"app": self.backend.create_app(self.given()).describe()})

    def update_app(self) -> ActionResult:
        return ActionResult({"app": self.backend.update_app(self.given()).describe()})

    def get_app(self) -> ActionResult:
        return ActionResult({"app": self.backend.app(self.given()["appId"]).describe()})

    def delete_app(self) -> ActionResult:
        app = self.backend.app(self.given()["appId"])
        return ActionResult({"app": self.backend.apps.pop(app.id).describe()})

    def list_apps(self) -> ActionResult:
        return self.page("apps", [app.describe() for app in self.backend.apps.values()])

    def create_branch(self) -> ActionResult:
        return ActionResult({"branch": self.backend.create_branch(self.given()).describe()})

    def update_branch(self) -> ActionResult:
        given = self.given()
        branch = self.backend.branch(given.pop("appId"), given["branchName"])
        branch.change(given)
        return ActionResult({"branch": branch.describe()})

    def get_branch(self) -> ActionResult:
        given = self.given()
        return ActionResult({"branch": self.backend.branch(given["appId"], given["branchName"]).describe()})

    def delete_branch(self) -> ActionResult:
        given = self.given()
        branch = self.backend.branch(given["appId"], given["branchName"])
        del self.backend.app(given["appId"]).branches[given["branchName"]]
        return ActionResult({"branch": branch.describe()})

    def list_branches(self) -> ActionResult:
        app = self.backend.app(self.given()["appId"])
        return self.page("branches", [branch.describe() for branch in app.branches.values()])

    def start_job(self) -> ActionResult:
        return ActionResult({"jobSummary": self.backend.start_job(self.given()).summary()})

    def stop_job(self) -> ActionResult:
        given = self.given()
        job = self.backend.job(given["appId"], given["branchName"], given["jobId"])
        if job.ended is not None:
            raise Refused("BadRequestException", f"Job {job.number} has ended.")
        job.stopped = time.time()
        return ActionResult({"jobSummary": job.summary()})

    def get_job(self) -> ActionResult:
        given = self.given()
        job = self.backend.job(given["appId"], given["branchName"], given["jobId"])
        return ActionResult({"job": {"summary": job.summary(), "steps": job.steps()}})

    def list_jobs(self) -> ActionResult:
        given = self.given()
        jobs = self.backend.branch(given["appId"], given["branchName"]).jobs
        return self.page("jobSummaries", [job.summary() for job in reversed(jobs)])

    def list_tags_for_resource(self) -> ActionResult:
        return ActionResult({"tags": self.backend.tagged(self.given()["resourceArn"])})

    def tag_resource(self) -> ActionResult:
        given = self.given()
        self.backend.tagged(given["resourceArn"]).update(given["tags"])
        return ActionResult({})

    def untag_resource(self) -> ActionResult:
        given = self.given()
        tags = self.backend.tagged(given["resourceArn"])
        for key in given["tagKeys"]:
            tags.pop(key, None)
        return ActionResult({})


amplify_backends = BackendDict(AmplifyBackend, "amplify")


def install() -> None:
    service = types.ModuleType("moto.amplify", __doc__)
    service.amplify_backends = amplify_backends  # type: ignore[attr-defined]
    sys.modules["moto.amplify"] = service
    if not any(name == "amplify" for name, _ in backend_index.backend_url_patterns):
        backend_index.backend_url_patterns.append(("amplify", re.compile(HOST)))
