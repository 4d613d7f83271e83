"""Schedule expressions of associations: rate, cron and at.

https://docs.aws.amazon.com/systems-manager/latest/userguide/reference-cron-and-rate-expressions.html
"""

from __future__ import annotations

import datetime
import re

UNITS = {"minute": 1, "hour": 60, "day": 60 * 24}
LEAST_MINUTES = 30
DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
# minutes, hours, day of month, month, day of week (1 is Sunday), year
LIMITS = ((0, 59), (0, 23), (1, 31), (1, 12), (1, 7), (1970, 2199))
HORIZON = 366  # days that a cron expression is searched for its next time


def parse(expression: str) -> tuple[str, str]:
    """('rate', '30 minutes'); a ValueError says what AWS does not accept."""
    found = re.fullmatch(r"(rate|cron|at)\((.+)\)", expression)
    if not found:
        raise ValueError(f"{expression} is not rate(…), cron(…) or at(…)")
    kind, content = found.groups()
    if kind == "rate":
        interval(content)
    elif kind == "at":
        moment(content)
    else:
        fields(content)
    return kind, content


def interval(content: str) -> datetime.timedelta:
    found = re.fullmatch(r"([1-9][0-9]*) (minute|hour|day)(s?)", content)
    if not found or (found[1] == "1") == bool(found[3]):
        raise ValueError(f"rate({content}) must be a number and minutes, hours or days, such as rate(30 minutes)")
    minutes = int(found[1]) * UNITS[found[2]]
    if minutes < LEAST_MINUTES:
        raise ValueError(f"rate({content}): an association runs at most every {LEAST_MINUTES} minutes")
    return datetime.timedelta(minutes=minutes)


def moment(content: str) -> datetime.datetime:
    return datetime.datetime.strptime(content, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=datetime.UTC)


def fields(content: str) -> list[str]:
    parts = content.upper().split()
    if len(parts) != len(LIMITS):
        raise ValueError(f"cron({content}) must have six fields, not {len(parts)}")
    if (parts[2] == "?") == (parts[4] == "?"):
        raise ValueError(f"cron({content}) must have a ? for either the day of the month or the day of the week")
    for part, limits in zip(parts, LIMITS, strict=True):
        values(part, limits)
    return parts


def values(part: str, limits: tuple[int, int]) -> set[int]:
    """What a field allows; `2#1` and `L` of the days are read as the weekday or the 28th, near enough to try them."""
    low, high = limits
    if part in ("*", "?"):
        return set(range(low, high + 1))
    names = (
        {name: index for index, name in enumerate(DAYS if high == 7 else MONTHS, start=1)} if high in (7, 12) else {}
    )
    allowed: set[int] = set()
    for item in part.split(","):
        if high == 31 and item == "L":
            allowed.add(28)
            continue
        found = re.fullmatch(r"(\*|\w+)(?:-(\w+))?(?:/(\d+))?(?:#[1-5])?", item)
        if not found:
            raise ValueError(f"{item} is not a field of a cron expression")
        try:
            first = low if found[1] == "*" else int(names.get(found[1], found[1]))
            last = int(names.get(found[2], found[2])) if found[2] else (high if found[1] == "*" or found[3] else first)
        except ValueError as error:
            raise ValueError(f"{item} is not a field of a cron expression") from error
        if not low <= first <= last <= high:
            raise ValueError(f"{item} is not within {low} to {high}")
        allowed.update(range(first, last + 1, int(found[3] or 1)))
    return allowed


def following(expression: str, after: datetime.datetime) -> datetime.datetime | None:
    """When an expression is due next; None if never again."""
    kind, content = parse(expression)
    if kind == "rate":
        return after + interval(content)
    if kind == "at":
        due = moment(content)
        return due if due > after else None
    minutes, hours, days, months, weekdays, years = (
        values(part, limits) for part, limits in zip(fields(content), LIMITS, strict=True)
    )
    start = after.replace(second=0, microsecond=0) + datetime.timedelta(minutes=1)
    for offset in range(HORIZON):
        day = start.date() + datetime.timedelta(days=offset)
        if not (day.day in days and day.month in months and day.isoweekday() % 7 + 1 in weekdays and day.year in years):
            continue
        for hour in sorted(hours):
            for minute in sorted(minutes):
                due = datetime.datetime.combine(day, datetime.time(hour, minute), datetime.UTC)
                if due >= start:
                    return due
    return None
