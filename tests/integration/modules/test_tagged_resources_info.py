"""tagged_resources_info and ec2_instance_type_info on the local cloud; what the sweep finds of each service is tested beside it."""

from __future__ import annotations

SWEEP = "lks.llm.tagged_resources_info"
TYPES = "lks.llm.ec2_instance_type_info"


def test_the_sweep_changes_nothing_and_lists_what_is_there(modules, module_cloud):
    arguments = {
        "tags": {"Project": "sweep-me"},
        "name_prefix": "sweep-me-",
        "services": ["cognito", "ec2", "logs", "s3"],
    }
    before = modules.unchanged(SWEEP, **arguments)
    assert before["resources"] == []
    assert before["not_looked_at"] == []
    module_cloud.client("logs", "us-east-1").create_log_group(logGroupName="/aws/lambda/sweep-me-function")
    module_cloud.client("cognito-idp", "us-east-1").create_user_pool(
        PoolName="any", UserPoolTags={"Project": "sweep-me"}
    )
    after = modules(SWEEP, **arguments)
    assert after["counts"] == {"cognito user_pool": 1, "logs log_group": 1}
    assert [each["matched_by"] for each in after["resources"]] == [["tags"], ["name"]]
    assert modules(SWEEP, region="us-west-2", **arguments)["resources"] == []
    assert "everything in the account would match" in modules(SWEEP)["msg"]


def test_instance_types_are_told_with_where_they_are_offered(modules):
    known = modules.unchanged(TYPES, names=["t2.micro", "t2.large"])
    assert [each["instance_type"] for each in known["instance_types"]] == ["t2.large", "t2.micro"]
    assert (known["instance_types"][0]["vcpus"], known["instance_types"][0]["memory_mib"]) == (2, 8192)
    assert "us-east-1a" in known["instance_types"][1]["availability_zones"]
    assert "t9.huge" in modules(TYPES, names=["t2.micro", "t9.huge"])["msg"]
    lenient = modules(TYPES, names=["t2.micro", "t9.huge"], fail_on_unknown=False, offerings=False)
    assert lenient["unknown"] == ["t9.huge"]
