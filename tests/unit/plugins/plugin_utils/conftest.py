"""Before ansible-core 2.19 templating is another, which the warm runner leaves alone: there is nothing to test there."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore = [] if find_spec("ansible._internal") else ["test_warm.py", "test_warm_templates.py"]
