# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Sign-in and client (C-1 to C-3)."""

from ansible_collections.lks.llm.plugins.module_utils.verify.judging import Check, Finding, NotJudged


def there(system):
    """C-1"""
    try:
        pool = system.pool
    except NotJudged:
        yield Finding(f"there is no user pool in {system.home.region}", f"{system.prefix}users", missing=True)
        return
    if not pool.get("Clients"):
        yield Finding(f"{pool['Name']} has no client", pool["Id"], missing=True)


def by_email(system):
    """C-1"""
    if "email" not in system.pool.get("UsernameAttributes", []) and "email" not in system.pool.get(
        "AliasAttributes", []
    ):
        yield Finding("users do not sign in by e-mail address", system.pool["Id"])


def required(system):
    """C-1"""
    known = {each["Name"] for each in system.pool.get("SchemaAttributes", []) if each.get("Required")}
    lacking = [name for name in system.expected["pool_attributes"] if name not in known]
    if lacking:
        yield Finding(f"sign-up does not require {', '.join(lacking)}", system.pool["Id"])


def one_factor(system):
    """C-1"""
    if system.pool.get("MfaConfiguration", "OFF") != "OFF":
        yield Finding(f"a second factor is {system.pool['MfaConfiguration']}", system.pool["Id"], expected="OFF")


def passwords(system):
    """C-1. Eight characters are what the client asks for, and Cognito's own default."""
    policy = system.pool.get("Policies", {}).get("PasswordPolicy", {})
    kinds = [
        key
        for key in ("RequireLowercase", "RequireUppercase", "RequireNumbers", "RequireSymbols")
        if not policy.get(key)
    ]
    if policy.get("MinimumLength", 0) < 8 or kinds:
        yield Finding(
            f"passwords may be {policy.get('MinimumLength', 0)} characters long"
            + (f", without {', '.join(kinds)}" if kinds else ""),
            system.pool["Id"],
        )


def flows(system):
    """C-1. Cognito also knows each flow without ALLOW_, from before."""
    client = system.pool_client
    have = {flow if flow.startswith("ALLOW_") else f"ALLOW_{flow}" for flow in client.get("ExplicitAuthFlows", [])}
    wanted = set(system.expected["client_flows"])
    if wanted - have:
        yield Finding(f"{client['ClientName']} does not allow {', '.join(sorted(wanted - have))}", client["ClientId"])
    if have - wanted:
        yield Finding(f"{client['ClientName']} also allows {', '.join(sorted(have - wanted))}", client["ClientId"])


def no_secret(system):
    """C-1"""
    if system.pool_client.get("HasSecret"):
        yield Finding(
            f"{system.pool_client['ClientName']} has a secret, which no browser can keep",
            system.pool_client["ClientId"],
        )


def sign_up(system):
    """C-2. An operator confirms who has signed up; for that users must be able to, and nothing may hand out temporary passwords."""
    if system.pool.get("AdminCreateUserConfig", {}).get("AllowAdminCreateUserOnly"):
        yield Finding("only an administrator can make users, with temporary passwords", system.pool["Id"])


def app(system):
    """C-3"""
    try:
        found = system.app
    except NotJudged:
        yield Finding(f"there is no Amplify app in {system.home.region}", f"{system.prefix}client", missing=True)
        return
    if system.expected["client_source"] and not found.get("repository"):
        yield Finding(f"{found['name']} is connected to no repository", found["appId"])
    if system.expected["client_source"] and not found["branches"]:
        yield Finding(f"{found['name']} has no branch", found["appId"], missing=True)


def told(system):
    """C-3. Judged where the snapshot kept the values."""
    variables = system.app.get("environmentVariables", {})
    api = system.api
    wanted = {
        "NEXT_PUBLIC_COGNITO_CLIENT_ID": [system.pool_client["ClientId"]],
        "NEXT_PUBLIC_API_GATEWAY_URL": [
            system.expected["api_endpoint"].format(id=api["id"], region=system.home.region, stage=stage["stageName"])
            for stage in api["stages"]
        ],
    }
    for name, values in wanted.items():
        said = variables.get(name)
        if not said:
            yield Finding(f"{system.app['name']} is not told {name}", system.app["appId"], missing=True)
        elif not said.startswith("(") and said not in values:
            yield Finding(f"{name} is {said}", system.app["appId"], expected=" or ".join(values))


RERUN = "Run {playbook}."
CHECKS = [
    Check("C-1.pool", "The user pool", there, "a user pool with a client", RERUN, 3, makes="user pool and its client"),
    Check(
        "C-1.email",
        "E-mail signs in",
        by_email,
        "sign-in by e-mail address",
        "Make the pool anew: this cannot be changed later.",
        2,
    ),
    Check(
        "C-1.attributes",
        "Name and e-mail at sign-up",
        required,
        "name and email required",
        "Make the pool anew: this cannot be changed later.",
        1,
    ),
    Check("C-1.factor", "One factor", one_factor, "no second factor", RERUN, 1),
    Check("C-1.passwords", "Passwords", passwords, "eight characters of four kinds at least", RERUN, 1),
    Check(
        "C-1.flows",
        "What the client may do",
        flows,
        "user-password and refresh-token authentication, and no other",
        RERUN,
        2,
    ),
    Check(
        "C-1.secret",
        "The client has no secret",
        no_secret,
        "no client secret",
        "Make the client anew: a secret cannot be taken away.",
        1,
    ),
    Check("C-2.sign_up", "Users sign up by themselves", sign_up, "self sign-up", RERUN, 2),
    Check(
        "C-3.app",
        "The client app",
        app,
        "an Amplify app, and a branch where its source is known",
        RERUN,
        2,
        makes="client app",
    ),
    Check("C-3.variables", "It is told what was deployed", told, "the API's URL and the pool's client", RERUN, 1),
]
