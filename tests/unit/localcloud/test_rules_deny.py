"""A service that is denied refuses every operation, in its own manner; others are untouched."""

from __future__ import annotations

import pytest

from localcloud import rules
from localcloud.rules import deny


@pytest.fixture
def denying(monkeypatch):
    monkeypatch.setattr(rules, "RULES", {})
    monkeypatch.setenv("LOCALCLOUD_DENY", "amplify, cognito-idp,ec2")
    deny.install()


def ask(service, operation):
    rules.enforce(rules.Call(service, operation, {}, "us-east-1", "111122223333"))


@pytest.mark.usefixtures("denying")
@pytest.mark.parametrize(
    ("service", "operation", "code", "status"),
    [
        ("amplify", "ListApps", "AccessDeniedException", 403),
        ("cognito-idp", "CreateUserPool", "AccessDeniedException", 400),
        ("ec2", "DescribeVpcs", "UnauthorizedOperation", 403),
    ],
)
def test_every_operation_is_refused(service, operation, code, status):
    with pytest.raises(rules.Refusal, match=f"not authorized to perform: {service}:{operation}") as caught:
        ask(service, operation)
    assert (caught.value.code, caught.value.status) == (code, status)


@pytest.mark.usefixtures("denying")
def test_others_are_untouched():
    ask("ssm", "PutParameter")


def test_a_name_that_is_no_service_is_refused():
    with pytest.raises(ValueError, match="no service"):
        deny.denied("cognito")
