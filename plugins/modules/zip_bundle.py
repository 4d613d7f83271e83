#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
---
module: zip_bundle
version_added: 0.1.0
short_description: Pack files into a zip that is the same whenever its content is
description:
  - Packs files, folders and given texts into a zip file on the host it runs on.
  - The same content always gives the same bytes, on any machine and in any checkout. Entries are sorted by name, carry one fixed time,
    V(0644) or V(0755) as mode, and are not compressed, because compressors differ between versions. So the checksum can name the zip.
  - M(community.general.archive) differs in that it keeps times, owners and modes, and therefore makes another zip of every checkout.
  - Makes no call to AWS.
author:
  - "The lks.llm authors (@lks-llm)"
options:
  path:
    description:
      - Where the zip is written. Missing folders are made.
    required: true
    type: path
  sources:
    description:
      - Files and folders to pack.
      - Links are followed. Folders as such are not recorded, so an empty one is left out.
    type: list
    elements: dict
    default: []
    suboptions:
      src:
        description:
          - A file, or a folder whose content is packed.
        required: true
        type: path
      dest:
        description:
          - Folder inside the zip; an empty text is its root.
        default: ""
        type: str
  contents:
    description:
      - Texts to pack as files.
    type: list
    elements: dict
    default: []
    suboptions:
      dest:
        description:
          - Path inside the zip.
        required: true
        type: str
      content:
        description:
          - What the file holds.
        required: true
        type: str
  exclude:
    description:
      - Patterns, as a shell has them, of names that are left out. They are compared with each file's and each folder's own name.
    type: list
    elements: str
    default: [__pycache__, "*.pyc", ".git*", .DS_Store, "*~", "*.swp"]
attributes:
  check_mode:
    support: full
    description: Says whether the zip would be written, and returns its checksum.
  diff_mode:
    support: full
    description: Shows the names and checksums of the files that differ.
  platform:
    platforms: posix
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
"""

EXAMPLES = r"""
- name: Pack playbooks, roles and the variables they need
  lks.llm.zip_bundle:
    path: /tmp/bundle.zip
    sources:
      - src: hosts/
      - src: roles/
        dest: roles
    contents:
      - dest: vars.yml
        content: "{{ bundle_variables | to_nice_yaml }}"
  register: bundle

- name: Upload it under a name that says what it holds
  amazon.aws.s3_object:
    bucket: example-bundles
    object: "bundles/{{ bundle.sha256 }}.zip"
    src: "{{ bundle.path }}"
    mode: put
"""

RETURN = r"""
path:
  description: Where the zip is.
  returned: always
  type: str
  sample: "/tmp/bundle.zip"
sha256:
  description: SHA-256 of the zip, in hexadecimal digits.
  returned: always
  type: str
  sample: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
files:
  description: Paths inside the zip, sorted.
  returned: always
  type: list
  elements: str
  sample: ["roles/web/tasks/main.yml", "site.yml", "vars.yml"]
size:
  description: Bytes of the zip.
  returned: always
  type: int
"""

import fnmatch
import hashlib
import io
import os
import pathlib
import zipfile

from ansible.module_utils.basic import AnsibleModule

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold
UNIX = 3


def is_excluded(name, patterns):
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def clean_dest(dest):
    """A path inside the zip; a ValueError says why it cannot be one."""
    parts = [part for part in dest.replace("\\", "/").split("/") if part not in ("", ".")]
    if dest.startswith("/") or ".." in parts:
        raise ValueError(f"dest '{dest}' must be a path inside the zip, without a leading / and without ..")
    return "/".join(parts)


def join(*parts):
    return "/".join(part for part in parts if part)


def read_source(src, dest, exclude):
    """Pairs of a path inside the zip and the file it is read from."""
    dest = clean_dest(dest)
    root = pathlib.Path(src)
    if root.is_file():
        yield join(dest, root.name), root
        return
    if not root.is_dir():
        raise ValueError(f"source '{src}' is neither a file nor a folder")
    for folder, folders, files in os.walk(root, followlinks=True):
        folders[:] = sorted(name for name in folders if not is_excluded(name, exclude))
        inside = pathlib.Path(folder).relative_to(root).parts
        for name in files:
            if not is_excluded(name, exclude):
                yield join(dest, *inside, name), pathlib.Path(folder, name)


def collect(sources, contents, exclude):
    """{path inside the zip: (bytes, whether it can be executed)}; a ValueError says what is wrong."""
    entries = {}

    def add(path, content, executable):
        if path in entries:
            raise ValueError(f"two sources or contents are to become {path}")
        entries[path] = (content, executable)

    for source in sources:
        for path, file in read_source(source["src"], source["dest"], exclude):
            add(path, file.read_bytes(), os.access(file, os.X_OK))
    for each in contents:
        path = clean_dest(each["dest"])
        if not path:
            raise ValueError("dest of a content must name a file")
        add(path, each["content"].encode("utf-8"), False)
    if not entries:
        raise ValueError("there is nothing to pack: give sources or contents that hold a file")
    return entries


def build_zip(entries):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(entries):
            content, executable = entries[path]
            info = zipfile.ZipInfo(path, EPOCH)
            info.create_system = UNIX
            info.external_attr = (0o100755 if executable else 0o100644) << 16
            archive.writestr(info, content)
    return buffer.getvalue()


def checksums(content):
    """{path inside the zip: start of its checksum}, to show what differs; nothing of what is no zip."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {name: hashlib.sha256(archive.read(name)).hexdigest()[:12] for name in archive.namelist()}
    except zipfile.BadZipFile:
        return {}


def build_diff(before, after):
    old, new = checksums(before), checksums(after)
    names = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    return {
        "before": {name: old[name] for name in names if name in old},
        "after": {name: new[name] for name in names if name in new},
    }


def read_current(path):
    return path.read_bytes() if path.exists() else b""


def write(module, path, content):
    """Puts the zip in place as a whole, so that a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = pathlib.Path(module.tmpdir, "bundle.zip")
    temporary.write_bytes(content)
    module.atomic_move(str(temporary), str(path))


def main():
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "sources": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {"src": {"type": "path", "required": True}, "dest": {"type": "str", "default": ""}},
            },
            "contents": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {"dest": {"type": "str", "required": True}, "content": {"type": "str", "required": True}},
            },
            "exclude": {
                "type": "list",
                "elements": "str",
                "default": ["__pycache__", "*.pyc", ".git*", ".DS_Store", "*~", "*.swp"],
            },
        },
        supports_check_mode=True,
    )
    params = module.params
    path = pathlib.Path(params["path"])
    if path.is_dir():
        module.fail_json(msg=f"path '{path}' is a folder; name the zip file")
    try:
        entries = collect(params["sources"], params["contents"], params["exclude"])
        content = build_zip(entries)
        before = read_current(path)
        changed = before != content
        if changed and not module.check_mode:
            write(module, path, content)
    except (ValueError, OSError) as e:
        module.fail_json(msg=f"Could not pack {path}: {e}")
    module.exit_json(
        changed=changed,
        path=str(path),
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        files=sorted(entries),
        diff=build_diff(before, content) if changed else {"before": {}, "after": {}},
    )


if __name__ == "__main__":
    main()
