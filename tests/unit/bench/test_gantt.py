"""The chart is well-formed, needs nothing from elsewhere, and its bars are where they must be."""

from __future__ import annotations

from xml.etree import ElementTree

from bench.gantt import LABELS, WIDTH, Bar, Row, Section, chart, interval

SVG = "{http://www.w3.org/2000/svg}"
SECTIONS = [
    Section("Resources", [Row("database & <more>", [Bar("database", 10, 100, waits=True, marked=True)])]),
    Section("Layers", [Row("Start", [Bar("ask", 0, 10), Bar("use", 100, 100, marked=True)])]),
]


def bars(text: str) -> dict[str, ElementTree.Element]:
    """By the label that is shown of a bar."""
    root = ElementTree.fromstring(text)
    found = {}
    for rect in root.iter(f"{SVG}rect"):
        title = rect.find(f"{SVG}title")
        if title is not None and title.text:
            found[title.text.partition(":")[0]] = rect
    return found


def test_bars_are_where_they_must_be():
    found = bars(chart("A deploy", SECTIONS))
    scale = (WIDTH - LABELS - 20) / 100
    assert float(found["database"].get("x", 0)) == LABELS + 10 * scale
    assert float(found["database"].get("width", 0)) == 90 * scale
    assert float(found["ask"].get("x", 0)) == LABELS
    assert float(found["ask"].get("width", 0)) == 10 * scale
    assert float(found["use"].get("width", 0)) > 0  # what takes no time is seen all the same
    assert found["ask"].get("y") == found["use"].get("y") != found["database"].get("y")


def test_the_critical_path_is_marked():
    kinds = {label: rect.get("class") for label, rect in bars(chart("A deploy", SECTIONS)).items()}
    assert kinds == {"database": "wait marked", "ask": "work", "use": "work marked"}


def test_it_is_one_file_with_its_words():
    text = chart("A deploy & more", SECTIONS)
    root = ElementTree.fromstring(text)
    words = [each.text for each in root.iter(f"{SVG}text")]
    assert {"A deploy & more", "Resources", "Layers", "database & <more>", "Start", "100 s"} <= set(words)
    assert "href" not in text and "url(" not in text and "<script" not in text
    bottom = max(float(rect.get("y", 0)) + float(rect.get("height", 0)) for rect in bars(text).values())
    assert bottom <= float(root.get("height", 0))


def test_long_labels_end_before_the_bars():
    text = chart("A deploy", [Section("Layers", [Row("a long name " * 9, [Bar("x", 0, 1)])])])
    words = [each.text or "" for each in ElementTree.fromstring(text).iter(f"{SVG}text")]
    assert any(word.startswith("a long name") and word.endswith("…") and len(word) < 50 for word in words)


def test_nothing_to_draw():
    ElementTree.fromstring(chart("Nothing", []))


def test_lines_are_about_ten():
    assert [interval(seconds) for seconds in (5, 100, 400, 3000)] == [1, 10, 60, 300]
    assert 100_000 / interval(100_000) <= 12
