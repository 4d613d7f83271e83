#!/usr/bin/env python3
"""A stand-in for Ollama: the same commands, API, environment and store on disk, without a language model behind them.

    ollama.py serve          answers on OLLAMA_HOST, with the models of OLLAMA_MODELS
    ollama.py pull MODEL     through a running server
    ollama.py list
    ollama.py --version

It takes Ollama's place where the real program cannot be had or would be too slow: in tests, and as a worker of a local cloud. What it
says is made up from the question, always the same for the same question; its weights are made from a model's name and are a thousandth
of the real size. One file and the standard library of Python 3.8, for it also runs on bare hosts, as `bin/ollama` of an archive that
`release.py` makes.

API: https://docs.ollama.com/api. Environment beside Ollama's own: OLLAMA_STAND_IN_TOKENS_PER_SECOND (30), OLLAMA_STAND_IN_LOAD_SECONDS
(0.2), OLLAMA_STAND_IN_PULL_SECONDS (0; how long a pull takes), OLLAMA_STAND_IN_MB (megabytes of weights, for every model). Among a
request's options, which Ollama does not look at where it does not know them: stand_in_tokens_per_second, and stand_in_silent_seconds
before the first one.
"""

import fnmatch
import hashlib
import http.server
import json
import math
import os
import re
import secrets
import socket
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

VERSION = "0.32.7"  # release.py writes another one here
REGISTRY = "registry.ollama.ai"
CHUNK = 1 << 18

# Whose pages may call beside those of OLLAMA_ORIGINS. https://docs.ollama.com/faq#how-can-i-allow-additional-web-origins-to-access-ollama
HERE = [
    f"{scheme}://{host}{port}"
    for scheme in ("http", "https")
    for host in ("localhost", "127.0.0.1", "0.0.0.0")
    for port in ("", ":*")
]
APPLICATIONS = ["app://*", "file://*", "tauri://*", "vscode-webview://*", "vscode-file://*"]

# What can be pulled: parameters, family, width of an embedding, size of the weights in MB, what it can do.
LIBRARY = {
    "llama3": ("8.0B", "llama", 4096, 4.66, ("completion",)),
    "llama3.2": ("3.2B", "llama", 3072, 2.02, ("completion",)),
    "mistral": ("7.2B", "llama", 4096, 4.11, ("completion",)),
    "nomic-embed-text": ("137M", "nomic-bert", 768, 0.274, ("embedding",)),
    "orca-mini": ("3B", "llama", 3200, 1.98, ("completion",)),
    "tinyllama": ("1B", "llama", 2048, 0.638, ("completion",)),
}


class ApiError(Exception):
    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


def setting(name, default):
    return float(os.environ.get(f"OLLAMA_STAND_IN_{name}") or default)


def now():
    whole, rest = divmod(time.time_ns(), 10**9)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{rest:09d}Z"


def seconds(text, default):
    """A keep-alive as Ollama reads it: a number of seconds or a duration such as 1h30m; negative means for ever."""
    if text in (None, ""):
        return default
    value: float
    if re.fullmatch(r"-?\d+(\.\d+)?", str(text)):
        value = float(text)
    else:
        units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
        parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h)", str(text))
        if not parts:
            raise ApiError(400, f'time: invalid duration "{text}"')
        value = sum(float(number) * units[unit] for number, unit in parts) * (-1 if str(text).startswith("-") else 1)
    return math.inf if value < 0 else value


def address():
    """(host, port) of OLLAMA_HOST, which may lack either and may be a URL."""
    text = (os.environ.get("OLLAMA_HOST") or "").strip().strip("\"'")
    parts = urllib.parse.urlsplit(text if "://" in text else f"//{text}")
    return parts.hostname or "127.0.0.1", parts.port or 11434


def split_name(name):
    """(namespace/model, tag) of what a user calls a model."""
    model, _, tag = str(name or "").partition(":")
    if not re.fullmatch(r"([\w.-]+/)?[\w.-]+", model) or ".." in model:
        raise ApiError(400, "invalid model name")
    return (model if "/" in model else f"library/{model}"), tag or "latest"


class Store:
    """Models on disk, as Ollama lays them out: manifests by name, blobs by sum. Several servers may share one."""

    def __init__(self, root):
        self.root = Path(root)
        self.manifests = self.root / "manifests" / REGISTRY
        self.blobs = self.root / "blobs"

    def prepare(self):
        self.manifests.mkdir(parents=True, exist_ok=True)
        self.blobs.mkdir(parents=True, exist_ok=True)

    def prune(self):
        """As Ollama does at start unless OLLAMA_NOPRUNE is set: whatever no manifest names goes, another server's pull included."""
        wanted = {layer["digest"].replace(":", "-") for _, manifest, _ in self.all() for layer in self.layers(manifest)}
        for blob in self.blobs.iterdir():
            if blob.name not in wanted:
                blob.unlink()

    @staticmethod
    def layers(manifest):
        return [*manifest["layers"], manifest["config"]]

    def path(self, name):
        model, tag = split_name(name)
        return self.manifests / model / tag

    def all(self):
        """(name, manifest, its path), the newest first."""
        found = []
        for path in self.manifests.glob("*/*/*"):
            if path.name.startswith("."):
                continue
            try:
                manifest = json.loads(path.read_text())
            except (OSError, ValueError):
                continue  # removed or replaced at this moment by another server
            namespace, model = path.parts[-3:-1]
            name = f"{model}:{path.name}" if namespace == "library" else f"{namespace}/{model}:{path.name}"
            found.append((name, manifest, path))
        return sorted(found, key=lambda entry: entry[2].stat().st_mtime, reverse=True)

    def get(self, name):
        path = self.path(name)
        try:
            manifest = json.loads(path.read_text())
        except FileNotFoundError:
            raise ApiError(404, f"model '{name}' not found") from None
        for layer in self.layers(manifest):
            blob = self.blobs / layer["digest"].replace(":", "-")
            if not blob.exists() or blob.stat().st_size != layer["size"]:
                raise ApiError(500, f"open {blob}: no such file or directory")
        return manifest, path

    def write(self, path, content):
        """In one step for all who read: under another name first."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.parent / f".{path.name}-{secrets.token_hex(8)}"
        try:
            partial.write_bytes(content)
            partial.replace(path)
        finally:
            if partial.exists():
                partial.unlink()

    def delete(self, name):
        _, path = self.get(name)
        path.unlink()
        self.prune()

    def pull(self, name):
        """Yields the steps of a pull, as Ollama reports them."""
        model, tag = split_name(name)
        short = model.rpartition("/")[2]
        yield {"status": "pulling manifest"}
        if model.partition("/")[0] != "library" or short not in LIBRARY:
            yield {"error": "pull model manifest: file does not exist"}
            return
        parameters, family, width, size, abilities = LIBRARY[short]
        config = {"model_format": "gguf", "model_family": family, "model_families": [family], "model_type": parameters,
                  "file_type": "Q4_0", "architecture": "amd64", "os": "linux"}  # fmt: skip
        parts = [
            ("application/vnd.ollama.image.model", weights(f"{model}:{tag}", size)),
            ("application/vnd.ollama.image.template", b"{{ .System }} {{ .Prompt }}"),
            (
                "application/vnd.ollama.image.params",
                json.dumps({"width": width, "abilities": abilities}).encode(),
            ),
            ("application/vnd.docker.container.image.v1+json", json.dumps(config).encode()),
        ]
        layers: list = []
        for media_type, content in parts:
            digest = "sha256:" + hashlib.sha256(content).hexdigest()
            layers.append({"mediaType": media_type, "digest": digest, "size": len(content)})
            yield from self.fetch(digest, content)
        yield {"status": "verifying sha256 digest"}
        for layer in layers:
            blob = self.blobs / layer["digest"].replace(":", "-")
            if hashlib.sha256(blob.read_bytes()).hexdigest() != layer["digest"].partition(":")[2]:
                blob.unlink()
                yield {"error": f"digest mismatch, file must be downloaded again: want {layer['digest']}"}
                return
        yield {"status": "writing manifest"}
        manifest = {"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
                    "config": layers[-1], "layers": layers[:-1]}  # fmt: skip
        self.write(self.path(name), json.dumps(manifest).encode())
        yield {"status": "success"}

    def fetch(self, digest, content):
        blob = self.blobs / digest.replace(":", "-")
        step = {"status": f"pulling {digest[7:19]}", "digest": digest, "total": len(content)}
        if blob.exists() and blob.stat().st_size == len(content):
            yield dict(step, completed=len(content))
            return
        chunks = range(0, len(content), CHUNK)
        pause = setting("PULL_SECONDS", 0) / len(chunks) if len(chunks) > 1 else 0
        partial = self.blobs / f"{blob.name}-partial-{secrets.token_hex(8)}"
        try:
            with partial.open("wb") as file:
                for start in chunks:
                    yield dict(step, completed=start)
                    file.write(content[start : start + CHUNK])
                    file.flush()
                    time.sleep(pause)
                os.fsync(file.fileno())
            partial.replace(blob)
        except FileNotFoundError:
            raise ApiError(500, f"{partial}: it was removed while it was written") from None
        finally:
            if partial.exists():
                partial.unlink()
        yield dict(step, completed=len(content))


def weights(name, size):
    """Bytes that depend on the name alone. Their first four are GGUF's."""
    length = int(float(os.environ.get("OLLAMA_STAND_IN_MB") or size) * 1e6)
    return b"GGUF" + hashlib.shake_128(name.encode()).digest(length)


def embed(text, width):
    """A unit vector. Texts with words in common point in like directions, so that a search among them finds what it should."""
    total = [0.0] * width
    for word in re.findall(r"\w+", text.lower()) or [""]:
        noise = hashlib.shake_128(word.encode()).digest(2 * width)
        for index in range(width):
            total[index] += int.from_bytes(noise[2 * index : 2 * index + 2], "big") / 32767.5 - 1
    length = math.sqrt(sum(value * value for value in total)) or 1.0
    return [value / length for value in total]


def answer(question):
    """What a teacher of English might say, chosen by the question."""
    words = re.findall(r"[\w']+", question)
    topic = max(words, key=len) if words else "that"
    openings = [
        "That is a good question.",
        "Thank you for your message.",
        "Well written.",
        "Let us look at this together.",
    ]
    advice = [
        f'You used the word "{topic}" well; try it in a longer sentence next time.',
        f'When you write about "{topic}", the present simple tense is usually the right one.',
        f'A native speaker might say it in fewer words and keep "{topic}" for the end.',
        f'Read your sentence aloud once: "{topic}" wants the stress.',
    ]
    closings = [
        "What would you like to practise next?",
        "Can you write one more example?",
        "How would you say it to a friend?",
    ]
    pick = int.from_bytes(hashlib.sha256(question.encode()).digest()[:6], "big")
    return f"{openings[pick % 4]} {advice[pick // 4 % 4]} {closings[pick // 16 % 3]}"


def scores(prompt):
    """Marks for a conversation, as JSON text, chosen by it."""
    digest = hashlib.sha256(prompt.encode()).digest()
    names = ["grammar", "vocabulary", "fluency", "coherence", "overall"]
    marks = {name: 50 + digest[index] % 50 for index, name in enumerate(names)}
    return json.dumps({**marks, "feedback": answer(prompt[-400:])})


class Memory:
    """Which models are loaded, and until when."""

    def __init__(self):
        self.lock = threading.Lock()
        self.until = {}
        self.slots = threading.Semaphore(int(os.environ.get("OLLAMA_NUM_PARALLEL") or 1))
        self.queue = int(os.environ.get("OLLAMA_MAX_QUEUE") or 512)
        self.waiting = 0

    def loaded(self):
        with self.lock:
            self.until = {name: moment for name, moment in self.until.items() if moment > time.time()}
            return dict(self.until)

    def load(self, name, keep_alive):
        """Seconds that loading took."""
        keep = seconds(keep_alive, seconds(os.environ.get("OLLAMA_KEEP_ALIVE"), 300))
        pause = 0 if name in self.loaded() else setting("LOAD_SECONDS", 0.2)
        time.sleep(pause)
        with self.lock:
            limit = int(os.environ.get("OLLAMA_MAX_LOADED_MODELS") or 3)
            while name not in self.until and len(self.until) >= limit:
                del self.until[min(self.until, key=self.until.__getitem__)]
            self.until[name] = time.time() + keep
        return pause

    def unload(self, name):
        with self.lock:
            self.until.pop(name, None)

    def __enter__(self):
        with self.lock:
            if self.waiting >= self.queue:
                raise ApiError(503, "server busy, please try again.  maximum pending requests exceeded")
            self.waiting += 1
        self.slots.acquire()

    def __exit__(self, *_):
        self.slots.release()
        with self.lock:
            self.waiting -= 1


class Api(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    store: Store
    memory: Memory

    routes = {
        ("GET", "/"): "hello", ("GET", "/api/version"): "version", ("GET", "/api/tags"): "tags", ("GET", "/api/ps"): "running",
        ("POST", "/api/show"): "show", ("POST", "/api/pull"): "pull", ("DELETE", "/api/delete"): "delete",
        ("POST", "/api/embed"): "embed", ("POST", "/api/embeddings"): "embeddings",
        ("POST", "/api/chat"): "chat", ("POST", "/api/generate"): "generate",
    }  # fmt: skip

    def do_GET(self):
        self.dispatch()

    do_HEAD = do_POST = do_DELETE = do_PUT = do_PATCH = do_OPTIONS = do_GET

    def dispatch(self):
        self.streaming = False
        method = "GET" if self.command == "HEAD" else self.command
        path = self.path.partition("?")[0]
        try:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Origin") and not self.allowed_origin():
                self.reply(403, "")
                return
            name = self.routes.get((method, path))
            if name is None:
                known = any(path == route for _, route in self.routes)
                self.reply(405 if known else 404, f"{'405 method not allowed' if known else '404 page not found'}")
                return
            try:
                self.body = json.loads(body) if body else {}
            except ValueError as error:
                raise ApiError(400, str(error)) from error
            if method != "GET" and not isinstance(self.body, dict):
                raise ApiError(400, "json: cannot unmarshal into Go value")
            if method == "POST" and not body:
                raise ApiError(400, "missing request body")
            getattr(self, f"answer_{name}")()
        except ApiError as error:
            if self.streaming:
                self.line({"error": str(error)})
                self.finish_stream()
            else:
                self.reply(error.status, {"error": str(error)})
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        except OSError as error:
            self.reply(500, {"error": str(error)})

    def allowed_origin(self):
        """What the answer tells a browser about the page that calls; empty where no page calls, or none that may."""
        origin = self.headers.get("Origin") or ""
        origins = [each.strip() for each in os.environ.get("OLLAMA_ORIGINS", "").split(",") if each.strip()]
        if origin and "*" in origins:
            return "*"
        return origin if any(fnmatch.fnmatchcase(origin, each) for each in origins + HERE + APPLICATIONS) else ""

    def end_headers(self):
        if self.allowed_origin():
            self.send_header("Access-Control-Allow-Origin", self.allowed_origin())
        super().end_headers()

    def reply(self, status, content):
        data = content.encode() if isinstance(content, str) else json.dumps(content).encode()
        self.send_response(status)
        kind = "text/plain" if isinstance(content, str) else "application/json"
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def line(self, content):
        """One object of a stream, in a chunk of its own."""
        if not self.streaming:
            self.send_response(200)
            self.send_header("Content-Type", "application/x-ndjson")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.streaming = True
        data = json.dumps(content).encode() + b"\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def finish_stream(self):
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, text, *values):
        print(f"[stand-in] {time.strftime('%Y/%m/%d - %H:%M:%S')} | {text % values}", file=sys.stderr, flush=True)

    # Models

    def answer_hello(self):
        self.reply(200, "Ollama is running")

    def answer_version(self):
        self.reply(200, {"version": VERSION})

    def details(self, manifest):
        config = json.loads((self.store.blobs / manifest["config"]["digest"].replace(":", "-")).read_text())
        return {"parent_model": "", "format": config["model_format"], "family": config["model_family"],
                "families": config["model_families"], "parameter_size": config["model_type"],
                "quantization_level": config["file_type"]}  # fmt: skip

    def entry(self, name, manifest, path):
        return {"name": name, "model": name, "modified_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(path.stat().st_mtime)),
                "size": sum(layer["size"] for layer in Store.layers(manifest)),
                "digest": hashlib.sha256(path.read_bytes()).hexdigest(), "details": self.details(manifest)}  # fmt: skip

    def answer_tags(self):
        models = []
        for name, manifest, path in self.store.all():
            try:
                models.append(self.entry(name, manifest, path))
            except FileNotFoundError:
                continue  # a manifest without its blobs is not listed
        self.reply(200, {"models": models})

    def answer_running(self):
        models = []
        for name, until in self.memory.loaded().items():
            entry = self.entry(name, *self.store.get(name))
            expires = (
                "9999-12-31T23:59:59Z" if math.isinf(until) else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(until))
            )
            models.append(dict(entry, expires_at=expires, size_vram=0))
        self.reply(200, {"models": models})

    def wanted(self):
        name = self.body.get("model") or self.body.get("name")
        if not name:
            raise ApiError(400, "model is required")
        return name

    def find(self, ability=None):
        """(full name, width of its embeddings) of the model that the request names."""
        name = self.wanted()
        manifest, _ = self.store.get(name)
        params = next(layer for layer in manifest["layers"] if layer["mediaType"].endswith(".params"))
        known = json.loads((self.store.blobs / params["digest"].replace(":", "-")).read_text())
        if ability and ability not in known["abilities"]:
            raise ApiError(400, f'"{name}" does not support {self.path.rpartition("/")[2]}')
        model, tag = split_name(name)
        return f"{model[8:] if model.startswith('library/') else model}:{tag}", known["width"], known["abilities"]

    def answer_show(self):
        manifest, _ = self.store.get(self.wanted())
        name, width, abilities = self.find()
        details = self.details(manifest)
        info = {"general.architecture": details["family"], f"{details['family']}.embedding_length": width}
        self.reply(200, {"modelfile": f"FROM {name}\n", "parameters": "", "template": "{{ .System }} {{ .Prompt }}",
                         "details": details, "model_info": info, "capabilities": list(abilities)})  # fmt: skip

    def answer_pull(self):
        steps = self.store.pull(self.wanted())
        if self.body.get("stream", True):
            for step in steps:
                self.line(step)
            self.finish_stream()
            return
        last = {}
        for last in steps:  # noqa: B007 the last one is the answer
            pass
        self.reply(500 if "error" in last else 200, last)

    def answer_delete(self):
        self.store.delete(self.wanted())
        self.reply(200, "")

    # Answers

    def embedded(self, texts):
        name, width, _ = self.find()
        with self.memory:
            begun = time.monotonic_ns()
            loading = int(self.memory.load(name, self.body.get("keep_alive")) * 1e9)
            vectors = [embed(text, width) for text in texts]
        return vectors, {"total_duration": time.monotonic_ns() - begun, "load_duration": loading,
                         "prompt_eval_count": sum(len(text.split()) for text in texts)}  # fmt: skip

    def answer_embed(self):
        given = self.body.get("input")
        texts = given if isinstance(given, list) else [] if given in (None, "") else [given]
        if not all(isinstance(text, str) for text in texts):
            raise ApiError(400, "invalid input type")
        vectors, statistics = self.embedded(texts)
        self.reply(200, {"model": self.wanted(), "embeddings": vectors, **statistics})

    def answer_embeddings(self):
        text = self.body.get("prompt") or ""
        vectors, _ = self.embedded([text] if text else [])
        self.reply(200, {"embedding": vectors[0] if vectors else []})

    def answer_chat(self):
        messages = self.body.get("messages") or []
        asked = next(
            (str(message.get("content", "")) for message in reversed(messages) if message.get("role") == "user"), ""
        )
        text = scores(asked) if self.body.get("format") else answer(asked)
        spoken = [str(message.get("content", "")) for message in messages]
        self.complete(
            text if messages else None,
            " ".join(spoken),
            lambda part: {"message": {"role": "assistant", "content": part}},
        )

    def answer_generate(self):
        prompt = str(self.body.get("prompt") or "")
        wants_scores = self.body.get("format") or re.search(r"\b(scor|rate|rating|mark|json|evaluat)", prompt, re.I)
        text = scores(prompt) if wants_scores else answer(prompt)
        self.complete(text if prompt else None, prompt, lambda part: {"response": part})

    def complete(self, text, prompt, form):
        """Answer token by token, at the pace that the environment says. No text: the model is only loaded, or with keep_alive 0 unloaded."""
        name, _, _ = self.find("completion")
        given = self.wanted()
        if text is None and seconds(self.body.get("keep_alive"), 1) == 0:
            self.memory.unload(name)
            self.reply(200, {"model": given, "created_at": now(), **form(""), "done": True, "done_reason": "unload"})
            return
        with self.memory:
            begun = time.monotonic_ns()
            loading = self.memory.load(name, self.body.get("keep_alive"))
            if text is None:
                self.reply(200, {"model": given, "created_at": now(), **form(""), "done": True, "done_reason": "load"})
                return
            tokens = re.findall(r"\s*\S+", text)
            options = self.body.get("options") or {}
            limit = int(options.get("num_predict") or 0)
            pace = float(options.get("stand_in_tokens_per_second") or setting("TOKENS_PER_SECOND", 30))
            if pace <= 0:
                raise ApiError(400, "stand_in_tokens_per_second must be more than 0")
            reason = "length" if 0 < limit < len(tokens) else "stop"
            tokens = tokens[:limit] if limit > 0 else tokens
            stream = self.body.get("stream", True)
            time.sleep(float(options.get("stand_in_silent_seconds") or 0))
            for token in tokens:
                time.sleep(1 / pace)
                if stream:
                    self.line({"model": given, "created_at": now(), **form(token), "done": False})
            took = time.monotonic_ns() - begun
            last = {"model": given, "created_at": now(), **form("" if stream else "".join(tokens)), "done": True, "done_reason": reason,
                    "total_duration": took, "load_duration": int(loading * 1e9), "prompt_eval_count": len(prompt.split()),
                    "prompt_eval_duration": took // 10, "eval_count": len(tokens), "eval_duration": took - took // 10}  # fmt: skip
        if stream:
            self.line(last)
            self.finish_stream()
        else:
            self.reply(200, last)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, place, handler):
        self.address_family = socket.AF_INET6 if ":" in place[0] else socket.AF_INET
        super().__init__(place, handler)

    def server_bind(self):
        # Not HTTPServer's own: it asks the name service for this host's name, which may take long.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self.socket.getsockname()[:2]


def serve():
    store = Store(os.environ.get("OLLAMA_MODELS") or Path.home() / ".ollama" / "models")
    store.prepare()
    if os.environ.get("OLLAMA_NOPRUNE", "0").lower() in ("", "0", "false"):
        store.prune()
    Api.store, Api.memory = store, Memory()
    server = Server(address(), Api)
    print(
        f"[stand-in] Listening on {server.server_name}:{server.server_port} (version {VERSION})",
        file=sys.stderr,
        flush=True,
    )
    server.serve_forever()


def call(method, path, body=None):
    host, port = address()
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)
    data = None if body is None else json.dumps(body).encode()
    return urllib.request.urlopen(
        urllib.request.Request(f"http://{host}:{port}{path}", data, method=method), timeout=600
    )


def version():
    try:
        with call("GET", "/api/version") as reply:
            running = json.load(reply)["version"]
    except (OSError, ValueError):
        print("Warning: could not connect to a running Ollama instance")
        print(f"Warning: client version is {VERSION}")
        return 0
    print(f"ollama version is {running}")
    if running != VERSION:
        print(f"Warning: client version is {VERSION}")
    return 0


def pull(name):
    with call("POST", "/api/pull", {"model": name}) as reply:
        for line in reply:
            step = json.loads(line)
            if "error" in step:
                print(f"Error: {step['error']}", file=sys.stderr)
                return 1
            print(step["status"], f"{step['completed']}/{step['total']}" if "total" in step else "")
    return 0


def show_list():
    with call("GET", "/api/tags") as reply:
        models = json.load(reply)["models"]
    print(f"{'NAME':30} {'ID':16} {'SIZE':>10}  MODIFIED")
    for model in models:
        print(f"{model['name']:30} {model['digest'][:12]:16} {model['size'] / 1e6:7.1f} MB  {model['modified_at']}")
    return 0


def main(arguments):
    if arguments[:1] == ["serve"]:
        return serve()
    if arguments[:1] in (["--version"], ["-v"]):
        return version()
    if arguments[:1] == ["pull"] and len(arguments) == 2:
        return pull(arguments[1])
    if arguments[:1] in (["list"], ["ls"]):
        return show_list()
    print(f"Usage: {Path(sys.argv[0]).name} serve | pull MODEL | list | --version", file=sys.stderr)
    return 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except urllib.error.URLError as failure:
        sys.exit(f"Error: could not connect to ollama server, is it running? ({failure.reason})")
    except KeyboardInterrupt:
        sys.exit(130)
