#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
---
module: cognito_user_pool_client
version_added: 0.1.0
short_description: Manage the app clients of Amazon Cognito user pools
description:
  - Creates, updates and deletes app clients. amazon.aws and community.aws have no module for them.
  - A client is found by its name in its user pool. AWS allows several clients of one name; the module refuses to choose between them.
  - What is not given is left as it is. An update sends again what it does not change, because AWS sets the rest to its defaults.
author:
  - "The lks.llm authors (@lks-llm)"
options:
  user_pool_id:
    description:
      - Id of the user pool.
      - May be empty in check mode, for a user pool that does not exist yet.
    required: true
    type: str
  name:
    description:
      - Name of the client.
    required: true
    type: str
  generate_secret:
    description:
      - Whether the client has a secret, which browser and mobile apps cannot keep.
      - It cannot be changed after creation. The secret is not returned.
    type: bool
    default: false
  explicit_auth_flows:
    description:
      - Ways in which a user may sign in with this client.
    type: list
    elements: str
    choices:
      - ALLOW_USER_AUTH
      - ALLOW_USER_PASSWORD_AUTH
      - ALLOW_USER_SRP_AUTH
      - ALLOW_CUSTOM_AUTH
      - ALLOW_ADMIN_USER_PASSWORD_AUTH
      - ALLOW_REFRESH_TOKEN_AUTH
  id_token_validity:
    description:
      - How long an ID token lives, 5 minutes to 1 day, in the unit that O(token_validity_units.id_token) names.
    type: int
  access_token_validity:
    description:
      - How long an access token lives, 5 minutes to 1 day, in the unit that O(token_validity_units.access_token) names.
    type: int
  refresh_token_validity:
    description:
      - How long a refresh token lives, 60 minutes to 10 years, in the unit that O(token_validity_units.refresh_token) names.
    type: int
  token_validity_units:
    description:
      - Units of the validities. Each is of use together with its validity only.
    type: dict
    suboptions:
      id_token:
        description: Unit of O(id_token_validity).
        choices: [seconds, minutes, hours, days]
        default: hours
        type: str
      access_token:
        description: Unit of O(access_token_validity).
        choices: [seconds, minutes, hours, days]
        default: hours
        type: str
      refresh_token:
        description: Unit of O(refresh_token_validity).
        choices: [seconds, minutes, hours, days]
        default: days
        type: str
  prevent_user_existence_errors:
    description:
      - V(true) lets Cognito answer a wrong user name as it answers a wrong password.
    type: bool
  enable_token_revocation:
    description:
      - Whether refresh tokens can be revoked.
    type: bool
  read_attributes:
    description:
      - User attributes that the client may read.
    type: list
    elements: str
  write_attributes:
    description:
      - User attributes that the client may write. The pool's required ones must be among them.
    type: list
    elements: str
  state:
    description:
      - Whether the client exists.
    choices: [present, absent]
    default: present
    type: str
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
# Note: These examples do not set authentication details, see the AWS Guide for details.
- name: Let a browser app sign users in
  lks.llm.cognito_user_pool_client:
    user_pool_id: us-east-1_a1B2c3D4e
    name: web
    explicit_auth_flows: [ALLOW_USER_SRP_AUTH, ALLOW_REFRESH_TOKEN_AUTH]
    id_token_validity: 30
    token_validity_units:
      id_token: minutes
    prevent_user_existence_errors: true

- name: Remove the client
  lks.llm.cognito_user_pool_client:
    user_pool_id: us-east-1_a1B2c3D4e
    name: web
    state: absent
"""

RETURN = r"""
user_pool_client:
  description: The client, as AWS describes it, without its secret.
  returned: when O(state=present)
  type: complex
  contains:
    client_id:
      description: Id of the client; unknown (an empty string) in check mode when the client would be created.
      type: str
      sample: "1h57kf5cpq17m0eml12EXAMPLE"
    client_name:
      description: Name of the client.
      type: str
      sample: "web"
    user_pool_id:
      description: Id of the user pool.
      type: str
      sample: "us-east-1_a1B2c3D4e"
    explicit_auth_flows:
      description: Ways in which a user may sign in.
      type: list
      elements: str
    id_token_validity:
      description: How long an ID token lives, in the unit that C(token_validity_units) names.
      type: int
"""

from ansible.module_utils.common.dict_transformations import camel_dict_to_snake_dict
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.lks.llm.plugins.module_utils.cognito import (
    CognitoError,
    CognitoErrorHandler,
    connect,
    differences,
    find_client,
    updatable,
)

SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}
NAMES = {"id_token": "IdToken", "access_token": "AccessToken", "refresh_token": "RefreshToken"}
DEFAULT_UNITS = {"id_token": "hours", "access_token": "hours", "refresh_token": "days"}
# Shortest and longest life in seconds, and the same in words.
# https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateUserPoolClient.html
LIMITS = {
    "id_token": (300, 86400, "5 minutes to 1 day"),
    "access_token": (300, 86400, "5 minutes to 1 day"),
    "refresh_token": (3600, 315360000, "60 minutes to 10 years"),
}


@CognitoErrorHandler.common_error_handler("create the user pool client")
def create_client(client, request):
    return client.create_user_pool_client(aws_retry=True, **request)["UserPoolClient"]


@CognitoErrorHandler.common_error_handler("update the user pool client")
def update_client(client, request):
    return client.update_user_pool_client(aws_retry=True, **request)["UserPoolClient"]


@CognitoErrorHandler.deletion_error_handler("delete the user pool client")
def delete_client(client, pool_id, client_id):
    client.delete_user_pool_client(UserPoolId=pool_id, ClientId=client_id, aws_retry=True)
    return True


def unit_of(params, token):
    return (params["token_validity_units"] or {}).get(token) or DEFAULT_UNITS[token]


def validate(params):
    """Sentences about lives of tokens that AWS would refuse."""
    lives = {}
    for token, (low, high, words) in LIMITS.items():
        value = params[f"{token}_validity"]
        if value is None:
            continue
        unit = unit_of(params, token)
        lives[token] = value * SECONDS[unit]
        if not low <= lives[token] <= high:
            yield f"{token}_validity is {value} {unit}; AWS allows {words}"
    for token in ("id_token", "access_token"):
        if token in lives and lives[token] > lives.get("refresh_token", lives[token]):
            yield f"{token}_validity is longer than refresh_token_validity"


def build_settings(params, current=None):
    """The settings that are asked for, as AWS names them."""
    asked = {}
    units = dict((current or {}).get("TokenValidityUnits") or {})
    for token, name in NAMES.items():
        if params[f"{token}_validity"] is not None:
            asked[f"{name}Validity"] = params[f"{token}_validity"]
            units[name] = unit_of(params, token)
            asked["TokenValidityUnits"] = units
    for option, name in (
        ("explicit_auth_flows", "ExplicitAuthFlows"),
        ("enable_token_revocation", "EnableTokenRevocation"),
        ("read_attributes", "ReadAttributes"),
        ("write_attributes", "WriteAttributes"),
    ):
        if params[option] is not None:
            asked[name] = params[option]
    if params["prevent_user_existence_errors"] is not None:
        asked["PreventUserExistenceErrors"] = "ENABLED" if params["prevent_user_existence_errors"] else "LEGACY"
    return asked


def build_update(current, asked, names):
    """Everything that an update must send: what is asked for and, of the settings that it takes, what the client has."""
    request = {key: value for key, value in current.items() if key in names and value is not None}
    return {**request, **asked}


def normalise(item):
    result = camel_dict_to_snake_dict({key: value for key, value in item.items() if key != "ClientSecret"})
    result.setdefault("client_id", "")
    return result


def ensure_present(client, module):
    params = module.params
    name, pool_id = params["name"], params["user_pool_id"]
    current = find_client(client, pool_id, name) if pool_id else None
    if current is None:
        asked = build_settings(params)
        request = {"UserPoolId": pool_id, "ClientName": name, "GenerateSecret": params["generate_secret"], **asked}
        item = request if module.check_mode else create_client(client, request)
        return {"changed": True, "diff": {"before": {}, "after": request}, "user_pool_client": normalise(item)}
    if bool(current.get("ClientSecret")) != params["generate_secret"]:
        has, wanted = ("a", "none") if current.get("ClientSecret") else ("no", "one")
        raise CognitoError(
            message=f"Client {name} ({current['ClientId']}) of user pool {pool_id} has {has} secret, {wanted} is asked for, and "
            "AWS cannot change it. Delete the client with state: absent (its users sign in again), or use another name"
        )
    asked = build_settings(params, current)
    before, after = differences(current, asked)
    if after and not module.check_mode:
        current = update_client(client, build_update(current, asked, updatable(client, "UpdateUserPoolClient")))
    return {
        "changed": bool(after),
        "diff": {"before": before, "after": after},
        "user_pool_client": normalise({**current, **asked}),
    }


def ensure_absent(client, module):
    params = module.params
    current = find_client(client, params["user_pool_id"], params["name"]) if params["user_pool_id"] else None
    if current is None:
        return {"changed": False, "diff": {"before": {}, "after": {}}}
    changed = True
    if not module.check_mode:
        changed = delete_client(client, params["user_pool_id"], current["ClientId"])
    return {"changed": changed, "diff": {"before": normalise(current), "after": {}}}


def main():
    units = {
        token: {"type": "str", "choices": list(SECONDS), "default": default, "no_log": False}
        for token, default in DEFAULT_UNITS.items()
    }
    flows = ["USER_AUTH", "USER_PASSWORD_AUTH", "USER_SRP_AUTH", "CUSTOM_AUTH", "ADMIN_USER_PASSWORD_AUTH"]
    module = AnsibleAWSModule(
        argument_spec={
            "user_pool_id": {"type": "str", "required": True},
            "name": {"type": "str", "required": True},
            "generate_secret": {"type": "bool", "default": False, "no_log": False},
            "explicit_auth_flows": {
                "type": "list",
                "elements": "str",
                "choices": [f"ALLOW_{flow}" for flow in [*flows, "REFRESH_TOKEN_AUTH"]],
            },
            "id_token_validity": {"type": "int", "no_log": False},
            "access_token_validity": {"type": "int", "no_log": False},
            "refresh_token_validity": {"type": "int", "no_log": False},
            "token_validity_units": {"type": "dict", "options": units, "no_log": False},
            "prevent_user_existence_errors": {"type": "bool"},
            "enable_token_revocation": {"type": "bool", "no_log": False},
            "read_attributes": {"type": "list", "elements": "str"},
            "write_attributes": {"type": "list", "elements": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        supports_check_mode=True,
    )
    params = module.params
    faults = list(validate(params))
    if faults:
        module.fail_json(msg=f"Client {params['name']}: {'; '.join(faults)}")
    if not params["user_pool_id"] and not module.check_mode:
        module.fail_json(msg=f"Client {params['name']}: user_pool_id must not be empty")
    try:
        client = connect(module)
        result = ensure_present(client, module) if params["state"] == "present" else ensure_absent(client, module)
    except AnsibleAWSError as e:
        module.fail_json_aws_error(e)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
