"""CloudWatch Logs: the retentions there are, and names that are AWS's own."""

from __future__ import annotations

from localcloud.rules import Call, Refusal, rule

REFERENCE = "https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference"
RETENTIONS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip


@rule("logs", "PutRetentionPolicy", source=f"{REFERENCE}/API_PutRetentionPolicy.html")
def a_retention_is_one_of_those_there_are(call: Call) -> None:
    days = call.parameters["retentionInDays"]
    if days not in RETENTIONS:
        raise Refusal(
            "InvalidParameterException",
            f"1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: Member must satisfy "
            f"enum value set: [{', '.join(map(str, RETENTIONS))}]",
        )


@rule("logs", "CreateLogGroup", source=f"{REFERENCE}/API_CreateLogGroup.html")
def names_of_aws_are_not_taken(call: Call) -> None:
    if call.parameters["logGroupName"].startswith("aws/"):
        raise Refusal("InvalidParameterException", "Log groups starting with AWS/ are reserved for AWS.")
