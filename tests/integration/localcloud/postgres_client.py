"""Logs in to a PostgreSQL as far as its password: enough to see whether a server takes a user, with or without TLS."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import socket
import ssl
import struct


class LoginFailed(Exception):
    """The server's own message."""


def login(host: str, port: int, *, user: str, password: str, database: str, ca: str | None) -> None:
    """Over TLS verified against `ca`, or without TLS if that is None. Raises LoginFailed, or OSError if nothing listens."""
    plain = socket.create_connection((host, port), timeout=10)
    with plain:
        connection: socket.socket = plain
        if ca:
            plain.sendall(struct.pack("!II", 8, 80877103))
            assert plain.recv(1) == b"S"
            connection = ssl.create_default_context(cafile=ca).wrap_socket(plain, server_hostname=host)
        body = struct.pack("!I", 3 << 16) + f"user\0{user}\0database\0{database}\0\0".encode()
        connection.sendall(struct.pack("!I", len(body) + 4) + body)
        expect(connection, 10)
        nonce = secrets.token_urlsafe(18)
        bare = f"n=,r={nonce}"
        first = f"n,,{bare}".encode()
        send(connection, b"SCRAM-SHA-256\0" + struct.pack("!I", len(first)) + first)
        challenge = expect(connection, 11).decode()
        fields = dict(part.split("=", 1) for part in challenge.split(","))
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(fields["s"]), int(fields["i"]))
        key = digest(salted, b"Client Key")
        final = f"c=biws,r={fields['r']}"
        signature = digest(hashlib.sha256(key).digest(), f"{bare},{challenge},{final}".encode())
        proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signature, strict=True))).decode()
        send(connection, f"{final},p={proof}".encode())
        expect(connection, 12)


def digest(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()


def send(connection: socket.socket, body: bytes) -> None:
    connection.sendall(b"p" + struct.pack("!I", len(body) + 4) + body)


def expect(connection: socket.socket, kind: int) -> bytes:
    """The rest of an authentication message of this kind."""
    header = exactly(connection, 5)
    body = exactly(connection, struct.unpack("!I", header[1:])[0] - 4)
    if header[:1] == b"E":
        fields = {field[:1]: field[1:].decode() for field in body.split(b"\0") if field}
        raise LoginFailed(fields[b"M"])
    assert header[:1] == b"R", header
    assert struct.unpack("!I", body[:4])[0] == kind
    return body[4:]


def exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = connection.recv(size - len(data))
        if not chunk:
            raise LoginFailed("the connection was closed")
        data += chunk
    return data
