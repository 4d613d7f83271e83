# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Compiled templates, kept for a whole run: Ansible compiles a template each time that it comes upon it, in each worker anew.

What Jinja makes of a template depends on nothing but its text and the environment's settings, so that is what code is known by. A worker
notes what it had to compile in a file; the process that forks the workers takes it from there, for those that come later.
"""

from __future__ import annotations

import inspect
import marshal
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

SIZE = struct.Struct("!I")
# The method that is put another in front of, with its parameters: jinja2.Environment's own.
COMPILE = ("self", "source", "name", "filename", "raw", "defer_init")


class Templates:
    """The compiled templates of this run; the workers of Ansible inherit it."""

    def __init__(self, path: Path, compile_one: Callable[..., Any], context: Any, settings: tuple[str, ...]) -> None:
        self.compile_one = compile_one
        self.context = context
        self.settings = settings
        self.known: dict[tuple, Any] = {}
        self.owner = os.getpid()
        self.notes = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        path.unlink()  # what a template says is nobody else's
        self.read = 0

    def compile(self, environment: Any, source: Any, *arguments: Any, **options: Any) -> Any:
        context = self.context.current(optional=True)
        if arguments or options or context is None or not isinstance(source, str):
            return self.compile_one(environment, source, *arguments, **options)
        settings = tuple(getattr(environment, name) for name in self.settings)
        key = (str.__str__(source), context.escape_backslashes, *settings)
        code = self.known.get(key)
        if code is None:
            code = self.known[key] = self.compile_one(environment, source)
            if os.getpid() != self.owner:
                lesson = marshal.dumps((key, code))
                os.write(self.notes, SIZE.pack(len(lesson)) + lesson)  # whole, since the file is only appended to
        return code

    def learn(self) -> None:
        """Takes over what workers have compiled since the last time."""
        while len(head := os.pread(self.notes, SIZE.size, self.read)) == SIZE.size:
            length = SIZE.unpack(head)[0]
            lesson = os.pread(self.notes, length, self.read + SIZE.size)
            if len(lesson) < length:
                return  # it is being written just now
            key, code = marshal.loads(lesson)
            self.known[key] = code
            self.read += SIZE.size + length


def start(folder: Path) -> Templates | None:
    """Lets Ansible's templating keep what it compiles; None under an ansible-core whose templating is another."""
    try:
        from ansible._internal._templating import _jinja_bits as bits

        environment, context = bits.AnsibleEnvironment, bits._TemplateCompileContext
        settings, debugged = bits._TEMPLATE_OVERRIDE_FIELD_NAMES, environment._debuggable_template_source
    except (ImportError, AttributeError):
        return None
    if debugged or tuple(inspect.signature(environment.compile).parameters) != COMPILE:
        return None
    templates = Templates(folder / "templates", environment.compile, context, settings)

    def compile_template(self: Any, source: Any, *arguments: Any, **options: Any) -> Any:
        return templates.compile(self, source, *arguments, **options)

    environment.compile = compile_template
    return templates
