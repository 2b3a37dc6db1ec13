"""``python -m serving``: start the scoring service."""

import argparse
import ipaddress
import os
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["main"]

ROOT = Path(__file__).resolve().parent.parent
TARGET = "serving.service:LeadQualification"
KEY_PASSWORD = "LEAD_TLS_KEY_PASSWORD"
"""Not an argument: those stand in the list of processes."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Raises
    ------
    SystemExit
        It can't start; the message says why.
    """
    given = _parser().parse_args(arguments)
    if given.workers is not None:
        os.environ["LEAD_WORKERS"] = str(given.workers)
    os.environ["BENTOML_DO_NOT_TRACK"] = "True"  # before bentoml is imported, which remembers it
    os.environ.setdefault("DO_NOT_TRACK", "true")
    import bentoml
    from bentoml.exceptions import BentoMLException

    from serving.access.gate import will_listen_on

    will_listen_on(given.host)
    try:
        bentoml.serve(
            TARGET,
            host=given.host,
            port=given.port,
            working_dir=str(ROOT),
            ssl_certfile=given.ssl_certfile,
            ssl_keyfile=given.ssl_keyfile,
            ssl_keyfile_password=os.environ.get(KEY_PASSWORD),
            ssl_ca_certs=given.ssl_ca_certs,
            blocking=True,
        )
    except (BentoMLException, OSError) as error:
        raise SystemExit(f"The service can't start on {given.host}, port {given.port}: {error}") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m serving", description="Start the scoring service.")
    parser.add_argument("--host", type=_address, default="127.0.0.1", help="IP address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=_port, default=3000, help="port to listen on (3000)")
    parser.add_argument("--workers", type=int, metavar="N", help="processes (LEAD_WORKERS, else 2)")
    parser.add_argument("--ssl-certfile", type=_file, metavar="FILE", help="certificate, for TLS without a proxy")
    parser.add_argument(
        "--ssl-keyfile", type=_file, metavar="FILE", help=f"its private key; {KEY_PASSWORD} holds its password"
    )
    parser.add_argument("--ssl-ca-certs", type=_file, metavar="FILE", help="certificates of those who sign")
    return parser


def _address(text: str) -> str:
    if text == "localhost":
        return "127.0.0.1"
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no IP address, such as 127.0.0.1, 0.0.0.0 or ::") from None


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; a number from 1 to 65535 is expected")
    return int(text)


def _file(text: str) -> str:
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text!r}")
    return str(Path(text).resolve())


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
