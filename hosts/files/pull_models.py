#!/usr/bin/env python3
"""Let the Ollama at URL pull the models that it does not list yet, and say how far it is.

    pull_models.py http://127.0.0.1:11434 llama3 nomic-embed-text
    pull_models.py --check http://127.0.0.1:11434 llama3    # pulls nothing, and says what is missing

Progress goes to standard output, a line for each tenth of a layer, and to the journal while it runs. A pull that breaks off is
taken up again: Ollama keeps the parts it has. Exit status 1 says that a model is still missing.
"""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request

READY_SECONDS = 300  # a worker that has just been configured may still be starting
SILENCE_SECONDS = 600  # between two lines of a pull: verifying the sum of several GB on a network store takes minutes
ATTEMPTS = 5


class PullError(Exception):
    """What Ollama answered instead of success."""


def say(text):
    print(text, flush=True)
    # Systems Manager shows standard output only at the end; the journal can be followed.
    subprocess.run(["logger", "--tag", "pull-models", text], check=False)


def ask(url, body=None, timeout=30):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})
    return urllib.request.urlopen(request, timeout=timeout)


def full_name(model):
    return model if ":" in model.rsplit("/", 1)[-1] else f"{model}:latest"


def listed(base):
    """{name: the start of its digest} of the models that the worker lists. Waits until it answers."""
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            with ask(f"{base}/api/tags") as answer:
                return {model["name"]: model.get("digest", "")[:12] for model in json.load(answer)["models"] or []}
        except (OSError, ValueError) as error:
            if time.monotonic() > deadline:
                raise PullError(f"{base} does not answer /api/tags after {READY_SECONDS} s: {error}") from error
            time.sleep(2)


def pull(base, model):
    """One attempt. Raises PullError or OSError."""
    told: dict = {}
    last = ""
    with ask(f"{base}/api/pull", {"model": model, "stream": True}, timeout=SILENCE_SECONDS) as answer:
        for line in answer:
            step = json.loads(line)
            if "error" in step:
                raise PullError(step["error"])
            last = step.get("status", "")
            total = step.get("total") or 0
            tenth = 10 * step.get("completed", 0) // total if total else 0
            if told.get(last) == tenth:
                continue
            told[last] = tenth
            say(f"{model}: {last}" + (f" {10 * tenth} % of {total / 1e6:.0f} MB" if total else ""))
    if last != "success":
        raise PullError(f"the answer ended with {last!r}")


def check(base, models):
    found = listed(base)
    missing = sorted({full_name(model) for model in models} - set(found))
    digests = [f"{name}@{digest}" for name, digest in sorted(found.items())]
    say(f"listed: {', '.join(digests) or 'no model'}; missing: {', '.join(missing) or 'none'}")
    return 1 if missing else 0


def main(base, models):
    failed = []
    for model in models:
        if full_name(model) in listed(base):
            say(f"{model}: already on the store")
            continue
        for attempt in range(1, ATTEMPTS + 1):
            try:
                pull(base, model)
                say(f"pulled {model}")
                break
            except (PullError, OSError, ValueError) as error:
                say(f"{model}: attempt {attempt} of {ATTEMPTS} failed: {error}")
                time.sleep(2 * attempt)
        else:
            failed.append(model)
    missing = sorted({full_name(model) for model in models} - set(listed(base)))
    if failed or missing:
        say(
            f"still missing: {', '.join(missing or failed)}. Is the worker's way to the internet open, and is there room on the store?"
        )
        return 1
    return 0


if __name__ == "__main__":
    try:
        work, arguments = (check, sys.argv[2:]) if sys.argv[1] == "--check" else (main, sys.argv[1:])
        sys.exit(work(arguments[0].rstrip("/"), arguments[1:]))
    except PullError as failure:
        sys.exit(str(failure))
