"""IAM: a learner account's role and instance profile, which exist before anybody deploys."""

from __future__ import annotations

import json

from moto.backends import get_backend

from localcloud import ACCOUNT

ROLE = "LabRole"
PROFILE = "LabInstanceProfile"
TRUSTED = ("amplify", "apigateway", "ec2", "lambda", "rds", "ssm")


def install() -> None:
    backend = get_backend("iam")[ACCOUNT]["aws"]
    if ROLE in {role.name for role in backend.get_roles()}:
        return
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": [f"{service}.amazonaws.com" for service in TRUSTED]},
        "Action": "sts:AssumeRole",
    }
    role = backend.create_role(
        role_name=ROLE,
        assume_role_policy_document=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
        path="/",
        permissions_boundary=None,
        description="The role of a learner account",
        tags=[],
        max_session_duration="3600",
    )
    backend.create_instance_profile(name=PROFILE, path="/", role_names=[role.name], tags=[])
