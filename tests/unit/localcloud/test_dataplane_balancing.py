"""Whose turn it is, and what checks make of a target."""

from __future__ import annotations

from collections import Counter

import pytest

from localcloud.dataplane import balancing, health
from localcloud.dataplane.balancing import Candidate, Turns
from localcloud.dataplane.health import Health, Register, Verdict

FAILED = Verdict(False, "Target.Timeout", "Request timed out")


def candidates(count: int) -> list[Candidate]:
    return [Candidate(f"i-{number}", 80, f"10.0.0.{number}", True) for number in range(count)]


def test_weights_are_kept_to_the_turn_and_spread_evenly() -> None:
    turns = Turns()
    chosen = [turns.weighed("rule", {"a": 5, "b": 1, "c": 2}) for _ in range(80)]
    assert Counter(chosen) == {"a": 50, "b": 10, "c": 20}
    assert "".join(chosen[:8]).count("aaa") == 0


def test_round_robin_takes_each_in_turn() -> None:
    turns, found = Turns(), candidates(3)
    picked = [turns.pick("group", "round_robin", found).target for _ in range(6)]
    assert picked == ["i-0", "i-1", "i-2", "i-0", "i-1", "i-2"]


def test_the_least_outstanding_gets_the_next_request() -> None:
    turns, found = Turns(), candidates(2)
    turns.begin("group", found[0])
    assert {turns.pick("group", "least_outstanding_requests", found).target for _ in range(4)} == {"i-1"}
    turns.end("group", found[0])
    assert {turns.pick("group", "least_outstanding_requests", found).target for _ in range(4)} == {"i-0", "i-1"}
    assert not turns.open


def test_unhealthy_targets_get_nothing_until_none_is_healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    register, found = Register(), [*candidates(2), Candidate("i-stopped", 80, "10.0.0.9", False)]
    monkeypatch.setattr(balancing, "REGISTER", register)
    assert balancing.fit(found, "group") == found[:2]  # nobody checks
    register.checked = True
    register.put(("group", "i-0", 80), Health("healthy"))
    register.put(("group", "i-1", 80), Health("unhealthy"))
    assert balancing.fit(found, "group") == found[:1]
    register.put(("group", "i-0", 80), Health("unhealthy"))
    assert balancing.fit(found, "group") == found[:2]  # fails open, but not to what is not used
    assert balancing.fit(found[2:], "group") == []


def after(*verdicts: Verdict, before: Health | None = None) -> Health:
    found = before or Health()
    for verdict in verdicts:
        found = health.after(found, verdict, healthy=3, unhealthy=2)
    return found


def test_a_new_target_is_healthy_after_one_check_and_unhealthy_after_its_threshold() -> None:
    assert after().state == "initial"
    assert after(health.PASSED).state == "healthy"
    assert (after(FAILED).state, after(FAILED).reason) == ("initial", "Elb.InitialHealthChecking")
    assert after(FAILED, FAILED) == Health("unhealthy", "Target.Timeout", "Request timed out", 2, False)


def test_only_results_in_a_row_change_a_targets_state() -> None:
    up = after(health.PASSED)
    assert after(FAILED, health.PASSED, FAILED, before=up).state == "healthy"
    down = after(FAILED, FAILED, before=up)
    assert down.state == "unhealthy"
    assert after(health.PASSED, health.PASSED, FAILED, health.PASSED, before=down).state == "unhealthy"
    back = after(health.PASSED, health.PASSED, health.PASSED, before=down)
    assert (back.state, back.reason) == ("healthy", "")


@pytest.mark.parametrize(("matcher", "status", "expected"), [("200", 200, True), ("200", 204, False), ("200,302", 302, True), ("200-299,404", 250, True), ("200-299,404", 300, False)])  # fmt: skip
def test_a_matcher_names_statuses_and_ranges(matcher: str, status: int, expected: bool) -> None:
    assert health.matched(matcher, status) is expected


def test_a_target_that_was_away_begins_anew() -> None:
    register = Register()
    register.checked = True
    register.put(("group", "i-0", 80), Health("healthy"))
    register.keep(set())
    found = register.get("group", "i-0", 80)
    assert found is not None
    assert found.state == "initial"
