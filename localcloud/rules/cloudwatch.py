"""CloudWatch: alarms and dashboards that say what can be watched and drawn."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from localcloud.rules import Call, Refusal, rule

REFERENCE = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference"
STATISTIC = re.compile(
    r"p(\d{1,2}(\.\d{1,10})?|100)|(tm|tc|ts|wm)(\d{1,2}(\.\d{1,10})?|100)|IQM|(PR|TC|TM|TS|WM)\([^()]*:[^()]*\)"
)
DAY, WEEK, HOUR = 86400, 604800, 3600
KINDS = ("metric", "text", "log", "alarm", "explorer", "custom")
WIDGETS, METRICS = 500, 500


def invalid(message: str) -> Refusal:
    return Refusal("ValidationError", message)


@rule("cloudwatch", "PutMetricAlarm", source=f"{REFERENCE}/API_PutMetricAlarm.html")
def an_alarm_says_what_it_watches(call: Call) -> None:
    given = call.parameters
    if given.get("Metrics") or given.get("EvaluationCriteria"):
        return
    for name in ("MetricName", "Namespace", "Period"):
        if not given.get(name):
            raise invalid(f"The parameter {name} must be given for an alarm on a single metric.")
    statistic, extended = given.get("Statistic"), given.get("ExtendedStatistic")
    if statistic and extended:
        raise Refusal(
            "InvalidParameterCombination", "The parameters Statistic and ExtendedStatistic are mutually exclusive."
        )
    if not statistic and not extended:
        raise invalid("Exactly one of the parameters Statistic and ExtendedStatistic must be given.")
    if extended and not STATISTIC.fullmatch(extended):
        raise Refusal(
            "InvalidParameterValue", f"The value {extended} for parameter ExtendedStatistic is not supported."
        )
    for dimension in given.get("Dimensions") or []:
        if not str(dimension.get("Value", "")).strip():
            raise invalid(f"The value of dimension {dimension.get('Name')} must not be empty.")
    check_times(given)


def check_times(given: dict[str, Any]) -> None:
    period, periods = given["Period"], given.get("EvaluationPeriods") or 1
    if period not in (10, 20, 30) and period % 60:
        raise invalid("Period must be 10, 20, 30 or a multiple of 60")
    longest = WEEK if period >= HOUR else DAY
    if period * periods > longest:
        raise invalid(
            f"Metrics cannot be checked across more than {'seven days' if longest == WEEK else 'a day'} (EvaluationPeriods * Period must be <= {longest})."
        )
    needed = given.get("DatapointsToAlarm")
    if needed is not None and needed > periods:
        raise invalid("DatapointsToAlarm must be less than or equal to EvaluationPeriods")
    if given.get("TreatMissingData") not in (None, "breaching", "notBreaching", "ignore", "missing"):
        raise Refusal(
            "InvalidParameterValue", f"Option {given['TreatMissingData']} is not supported for TreatMissingData."
        )


@rule("cloudwatch", "PutDashboard", source=f"{REFERENCE}/CloudWatch-Dashboard-Body-Structure.html")
def a_dashboard_can_be_drawn(call: Call) -> None:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,255}", call.parameters["DashboardName"]):
        raise Refusal(
            "InvalidParameterInput", "The dashboard name may contain A-Z, a-z, 0-9, - and _ only, at most 255 of them"
        )
    try:
        body = json.loads(call.parameters["DashboardBody"])
    except ValueError:
        raise Refusal("InvalidParameterInput", "The field DashboardBody must be a valid JSON object") from None
    if faults := list(body_faults(body)):
        raise Refusal(
            "InvalidParameterInput",
            f"The dashboard body is invalid, there are {len(faults)} validation errors: {'; '.join(faults)}",
        )


def body_faults(body: Any) -> Iterator[str]:
    if not isinstance(body, dict) or not isinstance(body.get("widgets"), list):
        yield "/: Should have required property 'widgets'"
        return
    if len(body["widgets"]) > WIDGETS:
        yield f"/widgets: Should NOT have more than {WIDGETS} items"
    for index, widget in enumerate(body["widgets"]):
        yield from (f"/widgets/{index}{fault}" for fault in widget_faults(widget))


def widget_faults(widget: Any) -> Iterator[str]:
    if not isinstance(widget, dict):
        yield ": Should be object"
        return
    kind = widget.get("type")
    if kind not in KINDS:
        yield f"/type: Should be one of {', '.join(KINDS)}"
    for key, least, most in (("x", 0, 23), ("y", 0, None), ("width", 1, 24), ("height", 1, 1000)):
        value = widget.get(key)
        if value is not None and (not isinstance(value, int) or value < least or (most is not None and value > most)):
            yield f"/{key}: Should be {least} to {most or 'any'}"
    properties = widget.get("properties")
    if not isinstance(properties, dict):
        yield ": Should have required property 'properties'"
    elif kind == "text" and not isinstance(properties.get("markdown"), str):
        yield "/properties: Should have required property 'markdown'"
    elif kind == "metric":
        yield from metric_faults(properties)


def metric_faults(properties: dict[str, Any]) -> Iterator[str]:
    metrics = properties.get("metrics")
    if metrics is None and not properties.get("annotations"):
        yield "/properties: Should have required property 'metrics'"
    if not properties.get("region"):
        yield "/properties: Should have required property 'region'"
    if len(metrics or []) > METRICS:
        yield f"/properties/metrics: Should NOT have more than {METRICS} items"
    for index, metric in enumerate(metrics or []):
        where = f"/properties/metrics/{index}"
        words = metric[:-1] if isinstance(metric, list) and metric and isinstance(metric[-1], dict) else metric
        expression = isinstance(metric, list) and len(metric) == 1 and isinstance(metric[0], dict)
        if expression:
            continue
        if (
            not isinstance(words, list)
            or len(words) < 2
            or len(words) % 2
            or not all(isinstance(word, str) for word in words)
        ):
            yield f"{where}: Should be a namespace, a metric, and pairs of a dimension and its value"
        elif not all(words):
            yield f"{where}: Should NOT hold an empty text"
