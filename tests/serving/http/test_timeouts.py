"""Callers that send slowly, or never: each is cut off or told, and others are answered meanwhile."""

import dataclasses
import http.client
import socket
import ssl
import subprocess
import threading
import urllib.error
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.serving.keyed import Keyed, error_of
from tests.serving.running import serve

HEAD = b"POST %s HTTP/1.1\r\nHost: x\r\n"
LONGEST = 100.0  # nobody is waited for as long; only so that a test ends


class Caller:
    """One slow caller: what it sends at once, and what it sends every now and then."""

    def __init__(self, *, at_once: bytes, drip: bytes = b"") -> None:
        self.at_once, self.drip = at_once, drip

    def answer(self, host: str, port: int) -> bytes:
        """Send until the other side hangs up; return what it said."""
        got, waits = b"", 0.0
        with socket.create_connection((host, port)) as connection:
            connection.settimeout(0.5)
            connection.sendall(self.at_once)
            while waits < LONGEST:
                try:
                    if self.drip:
                        connection.sendall(self.drip)
                    piece = connection.recv(65_536)
                except TimeoutError:
                    waits += 0.5
                    continue
                except OSError:
                    return got  # cut off
                if not piece:
                    return got
                got += piece
        pytest.fail("the connection was never closed")


def _with_key(key: str, path: bytes = b"/score") -> bytes:
    return HEAD % path + b"Authorization: Bearer " + key.encode() + b"\r\nContent-Type: application/json\r\n"


def _callers(keyed: Keyed) -> dict[str, tuple[Caller, str | None]]:
    half = b"Content-Length: 1000\r\n\r\n{"
    score, write = _with_key(keyed.score), _with_key(keyed.write, b"/touchpoints")
    return {
        "says nothing": (Caller(at_once=b""), None),
        "half a head": (Caller(at_once=HEAD % b"/score"), None),
        "a head line by line": (Caller(at_once=HEAD % b"/score", drip=b"x-a: b\r\n"), None),
        "half a body": (Caller(at_once=score + half), "too_slow"),
        "a body byte by byte": (Caller(at_once=score + half, drip=b" "), "too_slow"),
        "a body in chunks": (
            Caller(at_once=score + b"Transfer-Encoding: chunked\r\n\r\n", drip=b"1\r\n \r\n"),
            "too_slow",
        ),
        "half a body of touchpoints": (Caller(at_once=write + half), "too_slow"),
        "a body without a key": (Caller(at_once=HEAD % b"/score" + half, drip=b" "), "no_key"),
    }


def test_slow_callers_are_cut_off_and_others_answered_meanwhile(keyed: Keyed) -> None:
    host, port = keyed.client.address.removeprefix("http://").split(":")
    callers = _callers(keyed)
    done = threading.Event()

    def others() -> int:
        count = 0
        while not done.wait(0.2):
            assert keyed.ask("/score", {"leads": [{"lead_id": "L-1"}]}, keyed.score)[0] == 200
            count += 1
        return count

    with ThreadPoolExecutor(4 * len(callers) + 1) as pool:
        other = pool.submit(others)
        started = {
            name: [pool.submit(one.answer, host, int(port)) for _ in range(4)] for name, (one, _) in callers.items()
        }
        try:
            answers = {name: [one.result() for one in several] for name, several in started.items()}
        finally:
            done.set()
        assert other.result() > 5
    for name, (_, code) in callers.items():
        for answer in answers[name]:
            if code is None:
                assert answer == b"", name
            else:
                assert error_of(answer.split(b"\r\n\r\n", 1)[1])["code"] == code, name


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01 this is TLS\r\n\r\n",
        HEAD % b"/score" + b"x-a: " + b"a" * 200_000 + b"\r\n\r\n",
        HEAD % b"/score" + b"no colon\r\n\r\n",
        HEAD % b"/score" + b"Content-Length: -1\r\n\r\n",
    ],
    ids=["tls", "large head", "no header", "negative length"],
)
def test_what_is_no_http_is_answered_in_the_one_shape(keyed: Keyed, sent: bytes) -> None:
    host, port = keyed.client.address.removeprefix("http://").split(":")
    head, _, body = Caller(at_once=sent).answer(host, int(port)).partition(b"\r\n\r\n")
    if body:  # the rest of a large head can make the system drop the answer
        assert head.startswith(b"HTTP/1.1 400 ")
        assert error_of(body)["code"] == "invalid_http"
    assert keyed.ask("/health")[0] == 200


def test_a_web_socket_is_a_plain_request(keyed: Keyed) -> None:
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    headers["Sec-WebSocket-Version"] = "13"
    assert keyed.error("/score", headers=headers) == (401, "no_key")
    assert keyed.error("/score", headers=headers, key=keyed.score) == (405, "method_not_allowed")


def test_tls_of_the_server_itself_works(root: Path, bundle_folder: Path, tmp_path: Path) -> None:
    certificate, key = tmp_path / "leads.pem", tmp_path / "leads.key"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    make += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(make, check=True, capture_output=True)
    environment = {"LEAD_BUNDLE_DIR": str(bundle_folder), "LEAD_WORKERS": "1"}
    environment["BENTOML_HOME"] = str(tmp_path / "bentoml")
    context = ssl.create_default_context(cafile=str(certificate))
    target, options = (
        "serving.service:LeadQualification",
        ["--ssl-certfile", str(certificate), "--ssl-keyfile", str(key)],
    )
    with serve(target, root, tmp_path / "log.txt", environment, options=options, context=context) as client:
        assert client.address.startswith("https://localhost:")
        assert client.scores([{"lead_id": "L-1"}])[0]["lead_id"] == "L-1"
        stranger = dataclasses.replace(client, context=ssl.create_default_context())
        with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
            stranger.get("/health")
        plain = dataclasses.replace(client, address=client.address.replace("https:", "http:"))
        with pytest.raises((OSError, http.client.HTTPException)):
            plain.get("/health")
