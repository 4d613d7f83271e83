#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
---
module: cognito_user
version_added: 0.1.0
short_description: Confirm or delete users of Amazon Cognito user pools
description:
  - Confirms users who signed up, marks their e-mail address as verified, or deletes them. amazon.aws and community.aws have no module for it.
  - It makes no users and sets no passwords.
author:
  - "The lks.llm authors (@lks-llm)"
options:
  user_pool_id:
    description:
      - Id of the user pool. Give this or O(user_pool_name).
    type: str
  user_pool_name:
    description:
      - Name of the user pool.
    type: str
  email:
    description:
      - E-mail address that the user signed up with.
    required: true
    type: str
  email_verified:
    description:
      - Whether the address counts as verified, which a user needs to get a new password by e-mail. Left alone when not given.
    type: bool
  state:
    description:
      - V(confirmed) lets the user sign in, V(absent) deletes the user.
    choices: [confirmed, absent]
    default: confirmed
    type: str
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
# Note: These examples do not set authentication details, see the AWS Guide for details.
- name: Confirm a user who signed up
  lks.llm.cognito_user:
    user_pool_name: customers
    email: user@example.com
    email_verified: true

- name: Delete the user
  lks.llm.cognito_user:
    user_pool_name: customers
    email: user@example.com
    state: absent
"""

RETURN = r"""
user:
  description: The user.
  returned: when O(state=confirmed)
  type: complex
  contains:
    username:
      description: Name that Cognito gave the user, or that the user chose.
      type: str
      sample: "7c9e6679-7425-40de-944b-e07fc1f90ae7"
    status:
      description: Status of the user.
      type: str
      sample: "CONFIRMED"
    enabled:
      description: Whether the user may sign in.
      type: bool
    attributes:
      description: Attributes of the user, by name.
      type: dict
      sample: {"email": "user@example.com", "email_verified": "true", "name": "User"}
"""

import re

from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.lks.llm.plugins.module_utils.cognito import (
    CognitoError,
    CognitoErrorHandler,
    connect,
    describe_user_pool,
    find_user_pool,
    list_users,
)

ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@CognitoErrorHandler.common_error_handler("confirm the user")
def confirm(client, pool_id, username):
    client.admin_confirm_sign_up(UserPoolId=pool_id, Username=username, aws_retry=True)


@CognitoErrorHandler.common_error_handler("mark the e-mail address as verified")
def set_verified(client, pool_id, username, verified):
    attribute = {"Name": "email_verified", "Value": verified}
    client.admin_update_user_attributes(
        UserPoolId=pool_id, Username=username, UserAttributes=[attribute], aws_retry=True
    )


@CognitoErrorHandler.deletion_error_handler("delete the user")
def delete(client, pool_id, username):
    client.admin_delete_user(UserPoolId=pool_id, Username=username, aws_retry=True)
    return True


def build_filter(email):
    """https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_ListUsers.html"""
    quoted = email.replace("\\", "\\\\").replace('"', '\\"')
    return f'email = "{quoted}"'


def attributes_of(user):
    return {item["Name"]: item["Value"] for item in user.get("Attributes", [])}


def choose_user(users, email, pool):
    """The one user with this address, or None."""
    found = [user for user in users if attributes_of(user).get("email", "").lower() == email.lower()]
    if len(found) > 1:
        names = ", ".join(sorted(user["Username"] for user in found))
        raise CognitoError(
            message=f"{len(found)} users of user pool {pool['Name']} signed up with {email} ({names}); delete all but one"
        )
    return found[0] if found else None


def find_pool(client, params):
    if params["user_pool_id"]:
        pool, named = describe_user_pool(client, params["user_pool_id"]), params["user_pool_id"]
    else:
        pool, named = find_user_pool(client, params["user_pool_name"]), params["user_pool_name"]
    if pool is None:
        raise CognitoError(
            message=f"There is no user pool {named} in {client.meta.region_name}; create it first, or correct its name"
        )
    return pool


def normalise(user):
    return {
        "username": user["Username"],
        "status": user["UserStatus"],
        "enabled": user.get("Enabled", True),
        "attributes": attributes_of(user),
    }


def ensure_confirmed(client, module, pool, user):
    params = module.params
    email = params["email"]
    if user is None:
        raise CognitoError(
            message=f"Nobody signed up with {email} in user pool {pool['Name']} ({pool['Id']}). Correct the address, or sign "
            "up with it first"
        )
    state = normalise(user)
    if state["status"] not in ("UNCONFIRMED", "CONFIRMED"):
        raise CognitoError(
            message=f"The user {email} of user pool {pool['Name']} has the status {state['status']}, which confirming does not "
            "change: the user has to set a new password"
        )
    before, after = {}, {}
    if state["status"] == "UNCONFIRMED":
        before["status"], after["status"] = state["status"], "CONFIRMED"
        if not module.check_mode:
            confirm(client, pool["Id"], state["username"])
    verified = params["email_verified"]
    if verified is not None:
        is_now, wanted = state["attributes"].get("email_verified", "false"), str(verified).lower()
        if is_now != wanted:
            before["email_verified"], after["email_verified"] = is_now, wanted
            if not module.check_mode:
                set_verified(client, pool["Id"], state["username"], wanted)
        state["attributes"]["email_verified"] = wanted
    state["status"] = "CONFIRMED"
    return {"changed": bool(after), "diff": {"before": before, "after": after}, "user": state}


def ensure_absent(client, module, pool, user):
    if user is None:
        return {"changed": False, "diff": {"before": {}, "after": {}}}
    changed = True
    if not module.check_mode:
        changed = delete(client, pool["Id"], user["Username"])
    return {"changed": changed, "diff": {"before": normalise(user), "after": {}}}


def main():
    module = AnsibleAWSModule(
        argument_spec={
            "user_pool_id": {"type": "str"},
            "user_pool_name": {"type": "str"},
            "email": {"type": "str", "required": True},
            "email_verified": {"type": "bool"},
            "state": {"type": "str", "choices": ["confirmed", "absent"], "default": "confirmed"},
        },
        mutually_exclusive=[("user_pool_id", "user_pool_name")],
        required_one_of=[("user_pool_id", "user_pool_name")],
        supports_check_mode=True,
    )
    params = module.params
    if not ADDRESS.fullmatch(params["email"]):
        module.fail_json(msg=f"email '{params['email']}' is no e-mail address such as user@example.com")
    try:
        client = connect(module)
        pool = find_pool(client, params)
        users = list_users(client, pool["Id"], build_filter(params["email"]))
        user = choose_user(users, params["email"], pool)
        ensure = ensure_confirmed if params["state"] == "confirmed" else ensure_absent
        result = ensure(client, module, pool, user)
    except AnsibleAWSError as e:
        module.fail_json_aws_error(e)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
