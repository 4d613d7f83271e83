"""The table on the terminal, drawn in the same place."""

from __future__ import annotations

from ansible_collections.lks.llm.plugins.plugin_utils.progress import CLEAR, WIDTH, Table, gauge


def test_each_drawing_but_the_first_goes_up_by_the_rows_that_are_there():
    table = Table()
    table.take('{"row": "global", "done": 1, "of": 2}')
    first = table.draw()
    assert first == f"\r  {'global':<18} {gauge(1, 2)}   1 of 2{CLEAR}"
    table.take('{"row": "us-east-1", "of": 40}')
    assert table.draw().startswith("\x1b[1A\r  global")
    table.take('{"row": "us-east-1", "done": 41}')
    last = table.draw()
    assert last.startswith("\x1b[2A\r  global")
    assert last.endswith(f"{'#' * WIDTH}  41 of 41{CLEAR}")


def test_what_is_no_progress_is_left_out():
    table = Table()
    table.take("no JSON")
    assert table.rows == {}


def test_a_gauge_is_full_at_the_end_alone():
    assert [gauge(done, 40).count("#") for done in (0, 1, 20, 39, 40)] == [0, 0, 10, 19, 20]
