#!/usr/bin/env python3
"""Make an archive of the stand-in, laid out as a release of Ollama for Linux: bin/ollama, lib/ollama/…, as .tar.zst.

    release.py 0.32.7 FOLDER [--stand-in]
        writes FOLDER/v0.32.7/ollama-linux-amd64.tar.zst and sha256sum.txt beside it; prints the sum

Where this system has a real `ollama` of that very version, the archive holds it and its libraries instead, and the word `real` lies
beside it; not so with --stand-in. The same version of the stand-in makes the same bytes. Needs the program zstd.
"""

import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

SOURCE = Path(__file__).with_name("ollama.py")
LIBRARIES = {  # what a release carries beside the program: for the processor, and for graphics cards
    "lib/ollama/libggml-base.so": 4096,
    "lib/ollama/libggml-cpu-haswell.so": 8 << 20,
    "lib/ollama/cuda_v12/libggml-cuda.so": 65536,
    "lib/ollama/cuda_v13/libggml-cuda.so": 65536,
}


def program(version):
    lines = SOURCE.read_text().splitlines(keepends=True)
    return "".join(f'VERSION = "{version}"\n' if line.startswith("VERSION = ") else line for line in lines).encode()


def installed(version):
    """The real program, if it is installed and of this version."""
    found = shutil.which("ollama")
    if not found:
        return None
    # It would ask a running server for its version first.
    environment = {**os.environ, "OLLAMA_HOST": "127.0.0.1:9"}
    said = subprocess.run([found, "--version"], capture_output=True, text=True, env=environment).stdout
    return Path(found).resolve() if re.search(rf"version is {re.escape(version)}$", said, re.MULTILINE) else None


def stand_in(version):
    """Files of the archive: {name: (content, mode)}."""
    libraries = {name: (hashlib.shake_128(name.encode()).digest(size), 0o644) for name, size in LIBRARIES.items()}
    return {"bin/ollama": (program(version), 0o755), **libraries}


def copy(real):
    """The same of the program that is installed."""
    prefix = real.parents[1]
    libraries = [path for path in (prefix / "lib/ollama").rglob("*") if path.is_file()]
    return {
        str(path.relative_to(prefix)): (path.read_bytes(), path.stat().st_mode & 0o777) for path in [real, *libraries]
    }


def archive(members):
    """Bytes of the archive."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for folder in sorted({str(parent) for name in members for parent in Path(name).parents}):
            entry = tarfile.TarInfo(f"./{folder}" if folder != "." else "./")
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        for name, (content, mode) in sorted(members.items()):
            entry = tarfile.TarInfo(f"./{name}")
            entry.size, entry.mode = len(content), mode
            tar.addfile(entry, io.BytesIO(content))
    return subprocess.run(
        ["zstd", "--quiet", "-3", "--stdout"], input=raw.getvalue(), stdout=subprocess.PIPE, check=True
    ).stdout


def release(version, folder, made_up=False):
    """Path and sum of the archive, written below folder as the releases are laid out. One that is there already is left alone."""
    real = None if made_up else installed(version)
    content = archive(copy(real) if real else stand_in(version))
    place = Path(folder) / f"v{version}" / "ollama-linux-amd64.tar.zst"
    place.parent.mkdir(parents=True, exist_ok=True)
    if not place.exists() or place.read_bytes() != content:  # somebody may be fetching it
        place.write_bytes(content)
    if real:
        place.with_name("real").write_text(f"{real}\n")
    digest = hashlib.sha256(content).hexdigest()
    place.with_name("sha256sum.txt").write_text(f"{digest}  ./{place.name}\n")
    return place, digest


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4) or sys.argv[3:] not in ([], ["--stand-in"]):
        sys.exit(__doc__)
    print(release(sys.argv[1], sys.argv[2], made_up=bool(sys.argv[3:]))[1])
