"""What AWS's many words for a state come to: good, busy (on its way), off (as it was asked to be) or bad."""

from __future__ import annotations

GOOD, BUSY, OFF, BAD = "good", "busy", "off", "bad"
ORDER = (GOOD, OFF, BUSY, BAD)  # from best to worst
WORDS = {
    GOOD: "active available deployed healthy ok running success",
    OFF: "inactive insufficient_data skipped stopped terminated unused",
    BAD: "active_impaired alarm error expired failed incompatible-network inaccessible rejected storage-full timedout unhealthy",
}
MEANT = {word: health for health, words in WORDS.items() for word in words.split()}


def meaning(word: str) -> str:
    """What is none of the words above is on its way to something, such as `creating`, `pending` or `draining`."""
    return MEANT.get(word.lower().replace(" ", ""), BUSY)


def worst(*healths: str) -> str:
    return max(healths, key=ORDER.index, default=GOOD)
