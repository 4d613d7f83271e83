"""cloudwatch_dashboard on the local cloud."""

from __future__ import annotations

MODULE = "lks.llm.cloudwatch_dashboard"
BODY = {"widgets": [{"type": "text", "x": 0, "y": 0, "width": 6, "height": 2, "properties": {"markdown": "# one"}}]}


def test_a_dashboard_is_made_kept_changed_and_removed(modules):
    modules.lifecycle(MODULE, name="board", body=BODY)

    other = {"widgets": [{**BODY["widgets"][0], "properties": {"markdown": "# two"}}]}
    changed = modules.lifecycle(MODULE, name="board", body=other)
    assert "# one" in str(changed["diff"]["before"])
    assert "# two" in str(changed["diff"]["after"])

    modules.lifecycle(MODULE, name="board", state="absent")
