"""What all tests share: collections import under their full names, as Ansible imports them."""

from __future__ import annotations

from pathlib import Path

from ansible.utils.collection_loader import _collection_finder

ROOT = Path(__file__).resolve().parents[1]

# The public way in is a running ansible; ansible-test's own pytest plugin installs the finder in the same manner.
_collection_finder._AnsibleCollectionFinder(paths=[str(ROOT / "collections")])._install()
