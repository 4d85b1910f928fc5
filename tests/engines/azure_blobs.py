"""A fake of what Terraform's backend `azurerm` uses of Azure's Blob Storage.

    azure_blobs.py FOLDER

It is a proxy: Terraform asks it (HTTPS_PROXY) for a way to `*.blob.core.windows.net`, gets one to the fake itself, and takes its certificate for good when FOLDER/ca.pem is
the only one that it knows (SSL_CERT_FILE). Nothing else is let through. The first line on stdout is its port. It lives as long as its standard input is open.

What is asked of it without CONNECT is the test's: `GET /` answers with all blobs as JSON, and `POST /NAME` makes the body the lock that somebody else holds on that blob, or
takes it away when there is none.
"""

import base64
import datetime
import json
import socket
import ssl
import sys
import threading
import uuid
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "blob.core.windows.net"
# Terraform keeps who holds the lock here, as JSON in base64.
HELD = "x-ms-meta-terraformlockid"
BLOBS, GUARD = {}, threading.Lock()


def identity(folder):
    """A certificate of our own, and the context of a server that shows it."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    made = made.not_valid_before(datetime.datetime(2020, 1, 1)).not_valid_after(datetime.datetime(2100, 1, 1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("*." + HOST)]), False)
    made = made.add_extension(x509.BasicConstraints(True, None), True).sign(key, hashes.SHA256())
    (folder / "ca.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(*private))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return context


def request(stream):
    """Method, target, headers in lower case, and body; none when the connection is over."""
    words = stream.readline().decode().split()
    if len(words) < 2:
        return None
    headers = {}
    while line := stream.readline().decode().strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return words[0], words[1], headers, stream.read(int(headers.get("content-length", 0)))


def reply(connection, status, headers=None, body=b""):
    lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in (headers or {}).items())]
    connection.sendall("\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body)


def refused(status, code):
    return status, {"x-ms-error-code": code, "Content-Type": "application/xml"}, f"<?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>".encode()


def answer(host, method, target, headers, body):
    """What Blob Storage answers."""
    if not headers.get("authorization", "").startswith(f"SharedKey {host.split('.')[0]}:"):
        return refused(403, "AuthenticationFailed")
    parts = urlsplit(target)
    query, name = {k: v[0] for k, v in parse_qs(parts.query).items()}, unquote(parts.path).lstrip("/")
    if query.get("comp") == "list":
        start = f"{name}/{query.get('prefix', '')}"
        found = "".join(f"<Blob><Name>{n.split('/', 1)[1]}</Name></Blob>" for n in sorted(BLOBS) if n.startswith(start))
        return 200, {"Content-Type": "application/xml"}, f"<?xml version=\"1.0\"?><EnumerationResults><Blobs>{found}</Blobs><NextMarker/></EnumerationResults>".encode()
    blob, lease = BLOBS.get(name), headers.get("x-ms-lease-id")
    given = {n: v for n, v in headers.items() if n.startswith("x-ms-meta-")}
    if blob is None and (method != "PUT" or "comp" in query):
        return refused(404, "BlobNotFound")
    if method == "PUT" and query.get("comp") == "lease":
        action = headers["x-ms-lease-action"]
        if action == "acquire":
            if blob["lease"]:
                return refused(409, "LeaseAlreadyPresent")
            blob["lease"] = headers.get("x-ms-proposed-lease-id") or str(uuid.uuid4())
            return 201, {"x-ms-lease-id": blob["lease"]}, b""
        if lease != blob["lease"]:
            return refused(409, "LeaseIdMismatchWithLeaseOperation")
        blob["lease"] = None
        return 200, {}, b""
    if method in ("PUT", "DELETE") and blob and blob["lease"] not in (None, lease):
        return refused(412, "LeaseIdMissing")
    if method == "PUT" and query.get("comp") == "metadata":
        blob["meta"] = given
        return 200, {}, b""
    if method == "PUT":
        BLOBS[name] = {"content": body, "meta": given, "lease": blob["lease"] if blob else None}
        return 201, {}, b""
    if method == "DELETE":
        del BLOBS[name]
        return 202, {}, b""
    about = blob["meta"] | {"x-ms-blob-type": "BlockBlob", "x-ms-lease-status": "locked" if blob["lease"] else "unlocked", "Content-Type": "application/json"}
    return 200, about, blob["content"] if method == "GET" else b""


def of_the_test(method, target, body):
    name = target.lstrip("/")
    if method == "POST":
        held = base64.b64encode(body).decode()
        BLOBS[name] |= {"lease": "another", "meta": {HELD: held}} if body else {"lease": None, "meta": {}}
    return 200, {}, json.dumps({n: b["content"].decode() for n, b in sorted(BLOBS.items())}).encode()


def serve(connection, context):
    asked = request(connection.makefile("rb"))
    if not asked:
        return connection.close()
    method, target, _, body = asked
    host = target.split(":")[0]
    if method != "CONNECT":
        with GUARD:
            found = of_the_test(method, target, body)
        reply(connection, *found)
        return connection.close()
    if not host.endswith("." + HOST):
        reply(connection, 403)
        return connection.close()
    reply(connection, 200)
    secure = context.wrap_socket(connection, server_side=True)
    stream = secure.makefile("rb")
    while asked := request(stream):
        with GUARD:
            found = answer(host, *asked)
        reply(secure, *found)
    return secure.close()


def main():
    context = identity(Path(sys.argv[1]))
    listener = socket.create_server(("127.0.0.1", 0))

    def listen():
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection, context), daemon=True).start()

    threading.Thread(target=listen, daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    sys.stdin.buffer.read()


if __name__ == "__main__":
    main()
