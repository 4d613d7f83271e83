# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""A user of a Cognito user pool who exists for the time of a few requests.

No mail is sent, nobody learns the password, and the user is removed at the end. Should that not come about (the process was killed), the
next run knows by the address whose user it was: this machine's, of a process that is gone, or one that is older than any run lasts.
"""

import base64
import contextlib
import hashlib
import json
import os
import re
import secrets
import socket
import threading
from datetime import UTC, datetime, timedelta

START = "verify-probe-"
ADDRESS = re.compile(START + r"([0-9a-f]{8})-([0-9]+)-[0-9a-f]{12}@example\.invalid")
OLDEST = timedelta(minutes=30)
# https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-attributes.html
ATTRIBUTES = {"birthdate": "2000-01-31", "phone_number": "+12025550123", "updated_at": "1767225600"}


def this_machine():
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def make_address():
    return f"{START}{this_machine()}-{os.getpid()}-{secrets.token_hex(6)}@example.invalid"


def make_password(length):
    """Of every kind of character that a policy can ask for."""
    return "aA1!" + secrets.token_urlsafe(max(length, 24))[: max(length, 24)]


def is_running(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True


def is_left_over(user, now, *, machine, running=is_running):
    """Whether an entry of ListUsers is a user whom an earlier run has left behind."""
    address = next((each["Value"] for each in user.get("Attributes", []) if each["Name"] == "email"), "")
    found = ADDRESS.fullmatch(address)
    if not found:
        return False
    if found[1] == machine and not running(int(found[2])):
        return True
    return now - user["UserCreateDate"] > OLDEST


def attributes_of(pool, address):
    """What the pool wants to know of a new user."""
    wanted = {each["Name"] for each in pool.get("SchemaAttributes", []) if each.get("Required")} - {"sub", "email"}
    given = [{"Name": name, "Value": ATTRIBUTES.get(name, "Verify Probe")} for name in sorted(wanted)]
    return [{"Name": "email", "Value": address}, *given]


def subject_of(token):
    """The token's sub. Only who checks signatures may trust it; here it is a part of a path."""
    payload = token.split(".")[1]
    return str(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["sub"])


class ThrowawayUser:
    """client acts for the operator, visitor for anybody: its calls are not signed."""

    def __init__(self, client, visitor, pool, client_id):
        self.client = client
        self.visitor = visitor
        self.pool = pool
        self.client_id = client_id
        self.address = make_address()
        self.username = self.address if pool.get("UsernameAttributes") else self.address.split("@", maxsplit=1)[0]
        self.name = ""  # empty as long as there cannot be such a user
        self.lock = threading.Lock()
        self.is_over = False
        self._password = make_password(pool.get("Policies", {}).get("PasswordPolicy", {}).get("MinimumLength", 0))

    @property
    def pool_id(self):
        return self.pool["Id"]

    def create(self):
        with self.lock:
            if self.is_over:
                return
            self.name = self.username  # known before it exists, so that it is removed even if the answer is lost
            answer = self.client.admin_create_user(
                UserPoolId=self.pool_id,
                Username=self.username,
                UserAttributes=attributes_of(self.pool, self.address),
                MessageAction="SUPPRESS",
            )
            self.name = answer["User"]["Username"]
            self.set_password(self.name)

    def set_password(self, name):
        self.client.admin_set_user_password(
            UserPoolId=self.pool_id, Username=name, Password=self._password, Permanent=True
        )

    def sign_in(self, name=""):
        """The ID token."""
        given = {"USERNAME": name or self.username, "PASSWORD": self._password}
        answer = self.visitor.initiate_auth(
            ClientId=self.client_id, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=given
        )
        if "AuthenticationResult" not in answer:
            raise LookupError(f"Cognito asks for more: {answer.get('ChallengeName', 'a challenge')}")
        return answer["AuthenticationResult"]["IdToken"]

    def remove(self, name):
        with contextlib.suppress(self.client.exceptions.UserNotFoundException):
            self.client.admin_delete_user(UserPoolId=self.pool_id, Username=name)

    def end(self):
        """Removes this user for good: one who is being made is waited for, and none is made any more."""
        with self.lock:
            self.is_over = True
            if self.name:
                self.remove(self.name)

    def left_over(self):
        """Names of users whom earlier runs have left behind."""
        pages = self.client.get_paginator("list_users").paginate(
            UserPoolId=self.pool_id, Filter=f'email ^= "{START}"', AttributesToGet=["email"]
        )
        now = datetime.now(UTC)
        users = [user for page in pages for user in page["Users"]]
        return [user["Username"] for user in users if is_left_over(user, now, machine=this_machine())]
