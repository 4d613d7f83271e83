#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
---
module: cognito_user_pool
version_added: 0.1.0
short_description: Manage Amazon Cognito user pools
description:
  - Creates, updates and deletes user pools. amazon.aws and community.aws have no module for them.
  - A user pool is found by its name. AWS allows several pools of one name; the module refuses to choose between them.
  - What is not given is left as it is. An update sends again what it does not change, because AWS sets the rest to its defaults.
author:
  - "The lks.llm authors (@lks-llm)"
options:
  name:
    description:
      - Name of the user pool.
    required: true
    type: str
  username_attributes:
    description:
      - What users sign in with in place of a user name.
      - It cannot be changed after creation.
    type: list
    elements: str
    choices: [email, phone_number]
  auto_verified_attributes:
    description:
      - Attributes that Cognito verifies by sending a code.
    type: list
    elements: str
    choices: [email, phone_number]
  username_case_sensitive:
    description:
      - Whether user names and what replaces them are compared with their case.
      - It cannot be changed after creation.
    type: bool
  schema:
    description:
      - Attributes of users, standard ones of OpenID Connect or, with any other name, custom ones.
      - Neither O(schema[].required) nor O(schema[].mutable) can be changed after creation. Custom attributes can be added, never removed.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the attribute, without C(custom:).
        required: true
        type: str
      attribute_data_type:
        description: Type of a custom attribute; standard attributes have theirs.
        choices: [String, Number, DateTime, Boolean]
        type: str
      required:
        description: Whether a user cannot sign up without it. Custom attributes cannot be required.
        default: false
        type: bool
      mutable:
        description: Whether its value can be changed.
        default: true
        type: bool
      minimum:
        description: Least length of a custom C(String), or least value of a custom C(Number).
        type: int
      maximum:
        description: Greatest length of a custom C(String), or greatest value of a custom C(Number).
        type: int
  password_policy:
    description:
      - What passwords must be made of. What is left out of it stays as it is, and is as AWS has it in a new pool.
    type: dict
    suboptions:
      minimum_length:
        description: Least number of characters, 6 to 99.
        type: int
      require_lowercase:
        description: Whether there must be a lower case letter.
        type: bool
      require_uppercase:
        description: Whether there must be an upper case letter.
        type: bool
      require_numbers:
        description: Whether there must be a digit.
        type: bool
      require_symbols:
        description: Whether there must be a symbol.
        type: bool
      password_history_size:
        description: How many earlier passwords may not be used again, 0 to 24.
        type: int
      temporary_password_validity_days:
        description: How long a password that an administrator sets lives, 1 to 365 days. AWS takes 0 for its default, 7.
        type: int
  mfa_configuration:
    description:
      - Whether a second factor is asked for. The second factor is an authenticator app.
    choices: ["OFF", "ON", "OPTIONAL"]
    type: str
  allow_admin_create_user_only:
    description:
      - V(true) means that only administrators make users, V(false) that users may sign up.
    type: bool
  account_recovery:
    description:
      - How a user who forgot the password gets a new one, the preferred way first.
    type: list
    elements: str
    choices: [verified_email, verified_phone_number, admin_only]
  deletion_protection:
    description:
      - Whether AWS refuses to delete the pool.
    type: bool
  user_pool_tier:
    description:
      - Feature plan of the pool.
    choices: [LITE, ESSENTIALS, PLUS]
    type: str
  state:
    description:
      - Whether the user pool exists. V(absent) deletes its users, too.
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
- name: Let users sign up with their e-mail address
  lks.llm.cognito_user_pool:
    name: customers
    username_attributes: [email]
    auto_verified_attributes: [email]
    schema:
      - {name: name, required: true}
      - {name: email, required: true}
    password_policy:
      minimum_length: 12
    mfa_configuration: "OFF"
    allow_admin_create_user_only: false
    tags:
      Project: example

- name: Delete the user pool and all its users
  lks.llm.cognito_user_pool:
    name: customers
    state: absent
"""

RETURN = r"""
user_pool:
  description: The user pool, as AWS describes it.
  returned: when O(state=present)
  type: complex
  contains:
    id:
      description: Id of the pool; unknown (an empty string) in check mode when the pool would be created.
      type: str
      sample: "us-east-1_a1B2c3D4e"
    arn:
      description: ARN of the pool; unknown (an empty string) in check mode when the pool would be created.
      type: str
      sample: "arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_a1B2c3D4e"
    name:
      description: Name of the pool.
      type: str
      sample: "customers"
    estimated_number_of_users:
      description: About how many users the pool has.
      type: int
      sample: 12
    tags:
      description: Tags of the pool.
      type: dict
"""

from ansible.module_utils.common.dict_transformations import camel_dict_to_snake_dict, snake_dict_to_camel_dict
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.lks.llm.plugins.module_utils.cognito import (
    CognitoError,
    CognitoErrorHandler,
    connect,
    describe_user_pool,
    differences,
    find_user_pool,
    tag_resource,
    untag_resource,
    updatable,
)
from ansible_collections.lks.llm.plugins.module_utils.tags import plan_tags

# https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-attributes.html
STANDARD_ATTRIBUTES = frozenset(
    [
        "address",
        "birthdate",
        "email",
        "email_verified",
        "family_name",
        "gender",
        "given_name",
        "locale",
        "middle_name",
        "name",
        "nickname",
        "phone_number",
        "phone_number_verified",
        "picture",
        "preferred_username",
        "profile",
        "sub",
        "updated_at",
        "website",
        "zoneinfo",
    ]
)


@CognitoErrorHandler.common_error_handler("create the user pool")
def create_user_pool(client, request):
    return client.create_user_pool(aws_retry=True, **request)["UserPool"]


@CognitoErrorHandler.common_error_handler("update the user pool")
def update_user_pool(client, request):
    client.update_user_pool(aws_retry=True, **request)


@CognitoErrorHandler.common_error_handler("set the second factor of the user pool")
def set_mfa(client, pool_id, mfa):
    request = {} if mfa == "OFF" else {"SoftwareTokenMfaConfiguration": {"Enabled": True}}
    client.set_user_pool_mfa_config(UserPoolId=pool_id, MfaConfiguration=mfa, aws_retry=True, **request)


@CognitoErrorHandler.common_error_handler("add attributes to the user pool")
def add_attributes(client, pool_id, attributes):
    client.add_custom_attributes(UserPoolId=pool_id, CustomAttributes=attributes, aws_retry=True)


@CognitoErrorHandler.deletion_error_handler("delete the user pool")
def delete_user_pool(client, pool_id):
    client.delete_user_pool(UserPoolId=pool_id, aws_retry=True)
    return True


def validate(params):
    """Sentences about what AWS would refuse, or quietly take for something else."""
    policy = params["password_policy"] or {}
    for key, low, high in (
        ("minimum_length", 6, 99),
        ("password_history_size", 0, 24),
        ("temporary_password_validity_days", 1, 365),
    ):
        if policy.get(key) is not None and not low <= policy[key] <= high:
            yield f"password_policy.{key} must be from {low} to {high}, not {policy[key]}"
    for attribute in params["schema"] or []:
        custom = attribute["name"] not in STANDARD_ATTRIBUTES
        if custom and attribute["required"]:
            yield f"schema: {attribute['name']} is a custom attribute, which cannot be required"
        if custom and not attribute["attribute_data_type"]:
            yield f"schema: {attribute['name']} is a custom attribute and needs attribute_data_type"
        if not custom and attribute["attribute_data_type"]:
            yield f"schema: {attribute['name']} is a standard attribute, whose type cannot be given"
    names = [attribute["name"] for attribute in params["schema"] or []]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"schema: {name} is there more than once"


def build_attribute(attribute):
    request = {"Name": attribute["name"], "Required": attribute["required"], "Mutable": attribute["mutable"]}
    kind = attribute["attribute_data_type"]
    if kind:
        request["AttributeDataType"] = kind
    suffix = {"String": "Length", "Number": "Value"}.get(kind)
    limits = {
        f"{name}{suffix}": str(attribute[option])
        for name, option in (("Min", "minimum"), ("Max", "maximum"))
        if suffix and attribute[option] is not None
    }
    if limits:
        request[f"{kind}AttributeConstraints"] = limits
    return request


def build_settings(params, current=None):
    """The settings that are asked for and can be changed, merged into what the pool has where AWS nests them."""
    current = current or {}
    asked = {}
    if params["auto_verified_attributes"] is not None:
        asked["AutoVerifiedAttributes"] = params["auto_verified_attributes"]
    if params["password_policy"]:
        given = {key: value for key, value in params["password_policy"].items() if value is not None}
        policies = current.get("Policies") or {}
        policy = {**(policies.get("PasswordPolicy") or {}), **snake_dict_to_camel_dict(given, capitalize_first=True)}
        asked["Policies"] = {**policies, "PasswordPolicy": policy}
    if params["allow_admin_create_user_only"] is not None:
        asked["AdminCreateUserConfig"] = {
            **(current.get("AdminCreateUserConfig") or {}),
            "AllowAdminCreateUserOnly": params["allow_admin_create_user_only"],
        }
    if params["account_recovery"]:
        asked["AccountRecoverySetting"] = {
            "RecoveryMechanisms": [
                {"Priority": number, "Name": name} for number, name in enumerate(params["account_recovery"], start=1)
            ]
        }
    if params["deletion_protection"] is not None:
        asked["DeletionProtection"] = "ACTIVE" if params["deletion_protection"] else "INACTIVE"
    if params["user_pool_tier"]:
        asked["UserPoolTier"] = params["user_pool_tier"]
    return asked


def build_create(params):
    request = {"PoolName": params["name"], **build_settings(params)}
    policy = request.get("Policies", {}).get("PasswordPolicy")
    if policy:
        # What a new pool has when no policy is given at all; within a given policy AWS takes a missing switch for off.
        defaults = {"MinimumLength": 8, **dict.fromkeys(("RequireLowercase", "RequireUppercase"), True)}
        request["Policies"]["PasswordPolicy"] = {**defaults, "RequireNumbers": True, "RequireSymbols": True, **policy}
    if params["username_attributes"] is not None:
        request["UsernameAttributes"] = params["username_attributes"]
    if params["username_case_sensitive"] is not None:
        request["UsernameConfiguration"] = {"CaseSensitive": params["username_case_sensitive"]}
    if params["schema"]:
        request["Schema"] = [build_attribute(attribute) for attribute in params["schema"]]
    if params["tags"]:
        request["UserPoolTags"] = params["tags"]
    return request


def build_update(pool, asked, names):
    """Everything that an update must send: what is asked for and, of the settings that it takes, what the pool has."""
    request = {key: value for key, value in pool.items() if key in names and value is not None}
    request.update(asked, UserPoolId=pool["Id"])
    # Left alone by an update that does not name it; sent along it would ask for an SMS configuration.
    request.pop("MfaConfiguration", None)
    if request.get("AdminCreateUserConfig"):
        # AWS returns this older name of TemporaryPasswordValidityDays, and refuses both in one request.
        request["AdminCreateUserConfig"] = {
            key: value for key, value in request["AdminCreateUserConfig"].items() if key != "UnusedAccountValidityDays"
        }
    return request


def find_attribute(pool, name):
    names = {name, f"custom:{name}", f"dev:custom:{name}"}
    return next((item for item in pool.get("SchemaAttributes", []) if item["Name"] in names), None)


def compare_schema(pool, schema):
    """(custom attributes to add, sentences about what cannot be changed any more)."""
    missing, fixed = [], []
    for attribute in schema or []:
        known = find_attribute(pool, attribute["name"])
        if known is None:
            if attribute["name"] in STANDARD_ATTRIBUTES:
                fixed.append(f"schema has no {attribute['name']}")
            else:
                missing.append(attribute)
            continue
        for option in ("required", "mutable"):
            has = known.get(option.capitalize(), False)
            if has != attribute[option]:
                fixed.append(f"schema: {attribute['name']} has {option} {str(has).lower()}")
    return missing, fixed


def check_fixed(pool, params):
    """Refuses what AWS cannot change, and says what can be done; returns the custom attributes to add."""
    missing, fixed = compare_schema(pool, params["schema"])
    asked = params["username_attributes"]
    if asked is not None and sorted(asked) != sorted(pool.get("UsernameAttributes", [])):
        fixed.append(f"username_attributes are {pool.get('UsernameAttributes', [])}")
    sensitive = params["username_case_sensitive"]
    if sensitive is not None and sensitive != (pool.get("UsernameConfiguration") or {}).get("CaseSensitive", False):
        fixed.append(f"username_case_sensitive is {str(not sensitive).lower()}")
    if fixed:
        raise CognitoError(
            message=f"User pool {params['name']} ({pool['Id']}) was created otherwise, and AWS cannot change it: "
            f"{'; '.join(fixed)}. Ask for what it has, use another name for a new pool, or delete it with state: absent, "
            "which deletes its users"
        )
    return missing


def normalise(pool):
    result = camel_dict_to_snake_dict({key: value for key, value in pool.items() if key != "UserPoolTags"})
    result["tags"] = pool.get("UserPoolTags") or {}
    return result


def ensure_present(client, module):
    params = module.params
    pool = find_user_pool(client, params["name"])
    return create(client, module) if pool is None else update(client, module, pool)


def create(client, module):
    params = module.params
    request = build_create(params)
    mfa = params["mfa_configuration"] or "OFF"
    pool = {**request, "Id": "", "Arn": "", "Name": params["name"], "MfaConfiguration": mfa}
    if not module.check_mode:
        pool = create_user_pool(client, request)
        if mfa != "OFF":
            set_mfa(client, pool["Id"], mfa)
            pool["MfaConfiguration"] = mfa
    after = {**request, "MfaConfiguration": mfa}
    return {"changed": True, "diff": {"before": {}, "after": after}, "user_pool": normalise(pool)}


def update(client, module, pool):
    params = module.params
    missing = check_fixed(pool, params)
    asked = build_settings(params, pool)
    before, after = differences(pool, asked)
    settings_differ = bool(after)
    mfa = params["mfa_configuration"]
    mfa_differs = mfa is not None and mfa != pool.get("MfaConfiguration", "OFF")
    if mfa_differs:
        before["MfaConfiguration"], after["MfaConfiguration"] = pool.get("MfaConfiguration", "OFF"), mfa
    if missing:
        before["SchemaAttributes"], after["SchemaAttributes"] = [], [build_attribute(item) for item in missing]
    to_set, to_remove, tags = plan_tags(pool.get("UserPoolTags"), params["tags"], params["purge_tags"])
    if to_set or to_remove:
        before["UserPoolTags"], after["UserPoolTags"] = pool.get("UserPoolTags") or {}, tags
    if after and not module.check_mode:
        if settings_differ:
            update_user_pool(client, build_update(pool, asked, updatable(client, "UpdateUserPool")))
        if mfa_differs:
            set_mfa(client, pool["Id"], mfa)
        if missing:
            add_attributes(client, pool["Id"], [build_attribute(item) for item in missing])
        if to_remove:
            untag_resource(client, pool["Arn"], to_remove)
        if to_set:
            tag_resource(client, pool["Arn"], to_set)
        pool = describe_user_pool(client, pool["Id"])
    return {"changed": bool(after), "diff": {"before": before, "after": after}, "user_pool": normalise(pool)}


def ensure_absent(client, module):
    pool = find_user_pool(client, module.params["name"])
    if pool is None:
        return {"changed": False, "diff": {"before": {}, "after": {}}}
    if pool.get("DeletionProtection") == "ACTIVE":
        raise CognitoError(
            message=f"User pool {pool['Name']} ({pool['Id']}) is protected from deletion. If you mean it, set "
            "deletion_protection: false first"
        )
    if pool.get("Domain") or pool.get("CustomDomain"):
        domain = pool.get("CustomDomain") or pool["Domain"]
        raise CognitoError(
            message=f"User pool {pool['Name']} ({pool['Id']}) has the domain {domain}, which must be deleted first: "
            f"aws cognito-idp delete-user-pool-domain --user-pool-id {pool['Id']} --domain {domain}"
        )
    changed = True
    if not module.check_mode:
        changed = delete_user_pool(client, pool["Id"])
    return {"changed": changed, "diff": {"before": normalise(pool), "after": {}}}


def main():
    attribute = {
        "name": {"type": "str", "required": True},
        "attribute_data_type": {"type": "str", "choices": ["String", "Number", "DateTime", "Boolean"]},
        "required": {"type": "bool", "default": False},
        "mutable": {"type": "bool", "default": True},
        "minimum": {"type": "int"},
        "maximum": {"type": "int"},
    }
    policy = {
        "minimum_length": {"type": "int"},
        "require_lowercase": {"type": "bool"},
        "require_uppercase": {"type": "bool"},
        "require_numbers": {"type": "bool"},
        "require_symbols": {"type": "bool"},
        "password_history_size": {"type": "int", "no_log": False},
        "temporary_password_validity_days": {"type": "int", "no_log": False},
    }
    names = ["email", "phone_number"]
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "username_attributes": {"type": "list", "elements": "str", "choices": names},
            "auto_verified_attributes": {"type": "list", "elements": "str", "choices": names},
            "username_case_sensitive": {"type": "bool"},
            "schema": {"type": "list", "elements": "dict", "options": attribute},
            "password_policy": {"type": "dict", "options": policy, "no_log": False},
            "mfa_configuration": {"type": "str", "choices": ["OFF", "ON", "OPTIONAL"]},
            "allow_admin_create_user_only": {"type": "bool"},
            "account_recovery": {
                "type": "list",
                "elements": "str",
                "choices": ["verified_email", "verified_phone_number", "admin_only"],
            },
            "deletion_protection": {"type": "bool"},
            "user_pool_tier": {"type": "str", "choices": ["LITE", "ESSENTIALS", "PLUS"]},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "tags": {"type": "dict", "aliases": ["resource_tags"]},
            "purge_tags": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    faults = list(validate(module.params))
    if faults:
        module.fail_json(msg=f"User pool {module.params['name']}: {'; '.join(faults)}")
    try:
        client = connect(module)
        result = (
            ensure_present(client, module) if module.params["state"] == "present" else ensure_absent(client, module)
        )
    except AnsibleAWSError as e:
        module.fail_json_aws_error(e)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
