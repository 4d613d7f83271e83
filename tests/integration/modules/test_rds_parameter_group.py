"""rds_parameter_group on the local cloud."""

from __future__ import annotations

from .runner import REGION

MODULE = "lks.llm.rds_parameter_group"
GROUP = {"name": "service", "family": "postgres17", "description": "of a test", "tags": {"Project": "service"}}


def test_a_group_is_made_kept_changed_and_removed(modules):
    made = modules.lifecycle(MODULE, **GROUP, parameters={"rds.force_ssl": True})["parameter_group"]
    assert made["arn"] == f"arn:aws:rds:{REGION}:123456789012:pg:service"
    assert made["parameters"] == {"rds.force_ssl": "1"}

    changed = modules.lifecycle(MODULE, **GROUP, parameters={"rds.force_ssl": 0, "log_min_duration_statement": 500})
    assert changed["diff"]["before"]["parameters"] == {"rds.force_ssl": "1"}
    assert changed["diff"]["after"]["parameters"] == {"rds.force_ssl": "0", "log_min_duration_statement": "500"}

    modules.unchanged(MODULE, **GROUP, parameters={"rds.force_ssl": 0}, purge_parameters=False)
    modules.lifecycle(MODULE, **GROUP, parameters={"rds.force_ssl": 0})
    rds = modules.cloud.client("rds", REGION)
    chosen = rds.describe_db_parameters(DBParameterGroupName="service", Source="user")["Parameters"]
    assert [each["ParameterName"] for each in chosen] == ["rds.force_ssl"]

    modules.lifecycle(
        MODULE, **{**GROUP, "tags": {"Project": "service", "More": "yes"}}, parameters={"rds.force_ssl": 0}
    )
    modules.lifecycle(MODULE, name="service", state="absent")


def test_what_cannot_be_set_or_changed_is_refused_by_name(modules):
    nonsense = {**GROUP, "name": "refused"}
    modules.lifecycle(MODULE, **nonsense)
    refused = modules(MODULE, check_mode=True, **nonsense, parameters={"no.such": 1})
    assert refused["msg"] == "Parameter group refused: parameter 'no.such' is none of the family's"
    refused = modules(MODULE, **{**nonsense, "family": "postgres16"})
    assert "its family is 'postgres17' and cannot be changed to 'postgres16'" in refused["msg"]
    assert "single hyphens" in modules(MODULE, **{**nonsense, "name": "a--b"})["msg"]
