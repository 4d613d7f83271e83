#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
---
module: amplify_app
version_added: 0.1.0
short_description: Manage apps of AWS Amplify Hosting
description:
  - Creates, updates and deletes apps of Amplify Hosting. amazon.aws and community.aws have no module for them.
  - An app is found by its name. AWS allows several apps of one name; the module refuses to choose between them.
  - What is not given is left as it is.
  - Neither tokens nor values of environment variables are ever returned or part of a diff.
author:
  - "The lks.llm authors (@lks-llm)"
options:
  name:
    description:
      - Name of the app.
    required: true
    type: str
  description:
    description:
      - Description of the app.
    type: str
  repository:
    description:
      - HTTPS address of the GitHub repository that the app is built from.
      - An app that was made without one can be connected later, as long as it has no branch.
    type: str
  access_token:
    description:
      - GitHub token with which Amplify is let into the repository. Required whenever an app is connected to a repository.
      - Amplify does not keep it and never returns it. It is handed over when the app is created, when O(repository) differs, and
        with O(renew_access), not otherwise.
    type: str
  renew_access:
    description:
      - Whether to hand over O(access_token) even though the app is connected to the repository, after the access was revoked for
        example. This is a change in every run.
    default: false
    type: bool
  platform:
    description:
      - C(WEB) for static pages, C(WEB_COMPUTE) for server-side rendering, C(WEB_DYNAMIC) for the older kind of that.
    choices: [WEB, WEB_COMPUTE, WEB_DYNAMIC]
    type: str
  iam_service_role_arn:
    description:
      - ARN of the role with which Amplify builds. It must be of the app's account.
    type: str
  compute_role_arn:
    description:
      - ARN of the role with which server-side code runs.
    type: str
  build_spec:
    description:
      - Build specification in YAML. Without one the repository's C(amplify.yml) is used.
    type: str
  environment_variables:
    description:
      - Environment variables of all branches. Together with O(secret_environment_variables) they replace those that the app has.
    type: dict
  secret_environment_variables:
    description:
      - The same for values that must not appear in any output or log.
    type: dict
  custom_rules:
    description:
      - Redirects and rewrites, in their order.
    type: list
    elements: dict
    suboptions:
      source:
        description: Pattern of the request's path.
        required: true
        type: str
      target:
        description: Where it leads.
        required: true
        type: str
      status:
        description: C(200) rewrites, C(301) and C(302) redirect, C(404) and C(404-200) answer for what is not there.
        type: str
      condition:
        description: Condition, such as a country code.
        type: str
  custom_headers:
    description:
      - HTTP headers in YAML.
    type: str
  state:
    description:
      - Whether the app exists. V(absent) deletes its branches, too.
    choices: [present, absent]
    default: present
    type: str
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - amazon.aws.tags
"""

EXAMPLES = r"""
# Note: These examples do not set authentication details, see the AWS Guide for details.
- name: Make an app of a repository
  lks.llm.amplify_app:
    name: shop
    repository: https://github.com/example/shop
    access_token: "{{ vault_github_token }}"
    platform: WEB_COMPUTE
    environment_variables:
      API_URL: https://api.example.com
    secret_environment_variables:
      SESSION_SECRET: "{{ vault_session_secret }}"
    tags:
      Project: example

- name: Delete the app with all its branches
  lks.llm.amplify_app:
    name: shop
    state: absent
"""

RETURN = r"""
app:
  description: The app.
  returned: when O(state=present)
  type: complex
  contains:
    app_id:
      description: Id of the app; unknown (an empty string) in check mode when the app would be created.
      type: str
      sample: "d1a2b3c4d5e6f7"
    app_arn:
      description: ARN of the app; unknown (an empty string) in check mode when the app would be created.
      type: str
      sample: "arn:aws:amplify:us-east-1:123456789012:apps/d1a2b3c4d5e6f7"
    name:
      description: Name of the app.
      type: str
      sample: "shop"
    default_domain:
      description: Domain below which each branch has its address; unknown (an empty string) in check mode when the app would be created.
      type: str
      sample: "d1a2b3c4d5e6f7.amplifyapp.com"
    repository:
      description: Repository that the app is built from; an empty string when there is none.
      type: str
      sample: "https://github.com/example/shop"
    environment_variables:
      description: Names of the environment variables.
      type: list
      elements: str
      sample: ["API_URL", "SESSION_SECRET"]
    tags:
      description: Tags of the app.
      type: dict
"""

from ansible.module_utils.common.dict_transformations import camel_dict_to_snake_dict
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.lks.llm.plugins.module_utils.amplify import (
    ENVIRONMENT_SPEC,
    AmplifyError,
    AmplifyErrorHandler,
    apply_tags,
    build_environment,
    compare_settings,
    connect,
    environment_faults,
    find_app,
    normalise_environment,
)
from ansible_collections.lks.llm.plugins.module_utils.tags import plan_tags

# Options that are settings of AWS's under the same name in another case, in the order that AWS documents.
SETTINGS = {
    "description": "description",
    "repository": "repository",
    "platform": "platform",
    "compute_role_arn": "computeRoleArn",
    "iam_service_role_arn": "iamServiceRoleArn",
    "build_spec": "buildSpec",
    "custom_headers": "customHeaders",
}
SECRETS = ("environmentVariables", "basicAuthCredentials", "tags", "accessToken")


@AmplifyErrorHandler.common_error_handler("create the Amplify app")
def create_app(client, request):
    return client.create_app(aws_retry=True, **request)["app"]


@AmplifyErrorHandler.common_error_handler("update the Amplify app")
def update_app(client, request):
    return client.update_app(aws_retry=True, **request)["app"]


@AmplifyErrorHandler.deletion_error_handler("delete the Amplify app")
def delete_app(client, app_id):
    client.delete_app(appId=app_id, aws_retry=True)
    return True


def validate(params):
    yield from environment_faults(params)
    repository = params["repository"]
    if repository and not repository.startswith(("https://", "git@")):
        yield f"repository is '{repository}'; use its HTTPS address, such as https://github.com/OWNER/REPOSITORY"
    for option in ("iam_service_role_arn", "compute_role_arn"):
        if params[option] and ":role/" not in params[option]:
            yield f"{option} is '{params[option]}', which is no ARN of a role"


def build_settings(params):
    """The settings that are asked for, as AWS names them."""
    asked = {name: params[option] for option, name in SETTINGS.items() if params[option] is not None}
    environment = build_environment(params)
    if environment is not None:
        asked["environmentVariables"] = environment
    if params["custom_rules"] is not None:
        asked["customRules"] = [
            {key: value for key, value in rule.items() if value is not None} for rule in params["custom_rules"]
        ]
    return asked


def same_repository(one, other):
    def plain(address):
        return (address or "").rstrip("/").removesuffix(".git").lower()

    return plain(one) == plain(other)


def normalise(app):
    result = camel_dict_to_snake_dict({key: value for key, value in app.items() if key not in SECRETS})
    result["environment_variables"] = normalise_environment(app)
    result["tags"] = app.get("tags") or {}
    for key in ("app_id", "app_arn", "default_domain", "repository"):
        result.setdefault(key, "")
    return result


def require_token(params, why):
    if not params["access_token"]:
        raise AmplifyError(
            message=f"Amplify app {params['name']} {why}, for which Amplify needs a token once: give access_token"
        )


def create(client, module):
    params = module.params
    asked = build_settings(params)
    request = {"name": params["name"], **asked}
    if params["tags"]:
        request["tags"] = params["tags"]
    if params["repository"]:
        require_token(params, f"is to be connected to {params['repository']}")
        request["accessToken"] = params["access_token"]
    app = request if module.check_mode else create_app(client, request)
    after = compare_settings({}, asked)[1]
    if params["tags"]:
        after["tags"] = params["tags"]
    return {"changed": True, "diff": {"before": {}, "after": {"name": params["name"], **after}}, "app": normalise(app)}


def connect_repository(client, app, request):
    try:
        return update_app(client, request)
    except AnsibleAWSError as e:
        if "accessToken" not in request:
            raise
        raise AmplifyError(
            message=f"Amplify app {app['name']} ({app['appId']}) could not be connected to {request['repository']}. The token must "
            "be valid for the repository and allowed to manage its webhooks, and Amplify connects no app that has branches "
            "already: delete the branches, or the app with state: absent, and run again",
            exception=e.exception,
        ) from e


def update(client, module, app):
    params = module.params
    asked = build_settings(params)
    if same_repository(app.get("repository"), asked.get("repository")):
        asked.pop("repository", None)
    before, after = compare_settings(app, asked)
    request = {key: asked[key] for key in after}
    if after.get("repository") or params["renew_access"]:
        require_token(params, f"is to be connected to {params['repository'] or app.get('repository')}")
        request["repository"] = params["repository"] or app["repository"]
        request["accessToken"] = params["access_token"]
        if params["renew_access"]:
            before["access"], after["access"] = "as it is", "renewed"
    to_set, to_remove, tags = plan_tags(app.get("tags"), params["tags"], params["purge_tags"])
    if to_set or to_remove:
        before["tags"], after["tags"] = app.get("tags") or {}, tags
    if not module.check_mode:
        if request:
            app = connect_repository(client, app, {"appId": app["appId"], **request})
        apply_tags(client, app["appArn"], to_set, to_remove)
    return {
        "changed": bool(after),
        "diff": {"before": before, "after": after},
        "app": normalise({**app, **request, "tags": tags}),
    }


def ensure_absent(client, module):
    app = find_app(client, module.params["name"])
    if app is None:
        return {"changed": False, "diff": {"before": {}, "after": {}}}
    changed = True
    if not module.check_mode:
        changed = delete_app(client, app["appId"])
    return {"changed": changed, "diff": {"before": normalise(app), "after": {}}}


def main():
    rule = {
        "source": {"type": "str", "required": True},
        "target": {"type": "str", "required": True},
        "status": {"type": "str"},
        "condition": {"type": "str"},
    }
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "description": {"type": "str"},
            "repository": {"type": "str"},
            "access_token": {"type": "str", "no_log": True},
            "renew_access": {"type": "bool", "default": False},
            "platform": {"type": "str", "choices": ["WEB", "WEB_COMPUTE", "WEB_DYNAMIC"]},
            "iam_service_role_arn": {"type": "str"},
            "compute_role_arn": {"type": "str"},
            "build_spec": {"type": "str"},
            **ENVIRONMENT_SPEC,
            "custom_rules": {"type": "list", "elements": "dict", "options": rule},
            "custom_headers": {"type": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "tags": {"type": "dict", "aliases": ["resource_tags"]},
            "purge_tags": {"type": "bool", "default": True},
        },
        required_by={"access_token": ["repository"]},
        required_if=[("renew_access", True, ["access_token"])],
        supports_check_mode=True,
    )
    faults = list(validate(module.params))
    if faults:
        module.fail_json(msg=f"Amplify app {module.params['name']}: {'; '.join(faults)}")
    try:
        client = connect(module)
        if module.params["state"] == "absent":
            result = ensure_absent(client, module)
        else:
            app = find_app(client, module.params["name"])
            result = create(client, module) if app is None else update(client, module, app)
    except AnsibleAWSError as e:
        module.fail_json_aws_error(e)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
