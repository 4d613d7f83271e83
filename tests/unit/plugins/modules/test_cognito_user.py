"""Pure functions of cognito_user."""

from __future__ import annotations

import pytest
from ansible_collections.lks.llm.plugins.module_utils.cognito import CognitoError
from ansible_collections.lks.llm.plugins.modules import cognito_user as module


def user(name, email):
    return {"Username": name, "UserStatus": "UNCONFIRMED", "Attributes": [{"Name": "email", "Value": email}]}


def test_an_address_cannot_leave_its_quotes():
    assert module.build_filter('a" or email ^= "b@example.com') == 'email = "a\\" or email ^= \\"b@example.com"'
    assert module.build_filter("a\\@example.com") == 'email = "a\\\\@example.com"'


def test_one_user_is_chosen_whatever_the_case():
    found = [user("1", "User@example.com"), user("2", "user@example.com.au")]
    assert module.choose_user(found, "user@example.com", {"Name": "users"})["Username"] == "1"
    assert module.choose_user([], "user@example.com", {"Name": "users"}) is None


def test_two_users_of_one_address_are_refused():
    found = [user("1", "user@example.com"), user("2", "user@example.com")]
    with pytest.raises(CognitoError, match=r"2 users of user pool users"):
        module.choose_user(found, "user@example.com", {"Name": "users"})
