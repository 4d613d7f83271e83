"""What AWS refuses of S3 is refused, by AWS's code; what it accepts right beside it is not."""

from __future__ import annotations

import itertools
import json

import pytest

from .in_process import refusal

NAMES = itertools.count()


@pytest.fixture
def s3(aws):
    return aws("s3")


@pytest.fixture
def bucket(s3):
    name = f"rules-{next(NAMES)}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.mark.parametrize(
    "name", ["Upper", "under_score", "two..dots", "192.168.5.4", "xn--name", "name-s3alias", "-start"]
)
def test_names(s3, name):
    with refusal("InvalidBucketName"):
        s3.create_bucket(Bucket=name)


def test_regions(aws, bucket):
    with refusal("IllegalLocationConstraintException"):
        aws("s3", "us-west-2").create_bucket(Bucket="rules-west")
    west = {"LocationConstraint": "us-west-2"}
    aws("s3", "us-west-2").create_bucket(Bucket="rules-west", CreateBucketConfiguration=west)
    with refusal("BucketAlreadyOwnedByYou"):
        aws("s3", "us-west-2").create_bucket(Bucket="rules-west", CreateBucketConfiguration=west)
    aws("s3").create_bucket(Bucket=bucket)


def test_a_new_bucket_is_private(s3, bucket):
    block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert all(block.values()) and len(block) == 4
    assert s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"] == [
        {"ObjectOwnership": "BucketOwnerEnforced"}
    ]
    with refusal("AccessControlListNotSupported"):
        s3.put_bucket_acl(Bucket=bucket, ACL="public-read")
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    with refusal("AccessDenied", "BlockPublicPolicy"):
        s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    with refusal("MalformedPolicy"):
        s3.put_bucket_policy(Bucket=bucket, Policy="no policy")
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)


def test_a_bucket_that_is_not_empty_stays(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"a")
    with refusal("BucketNotEmpty"):
        s3.delete_bucket(Bucket=bucket)
    s3.delete_object(Bucket=bucket, Key="a")
    s3.delete_bucket(Bucket=bucket)


def test_tags(s3, bucket):
    with refusal("InvalidTag"):
        s3.put_bucket_tagging(
            Bucket=bucket, Tagging={"TagSet": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]}
        )
    many = [{"Key": f"k{number}", "Value": ""} for number in range(51)]
    with refusal("BadRequest", "50"):
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": many})
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": many[:50]})


def test_a_policy_about_plain_connections_stops_nobody_here_and_others_do(s3, bucket):
    arns = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": arns}
    plain = {**deny, "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [plain]}))
    s3.put_object(Bucket=bucket, Key="a", Body=b"a")
    deny["Action"] = "s3:PutObject"
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [plain, deny]}))
    with refusal("403"):
        s3.put_object(Bucket=bucket, Key="a", Body=b"a")
