"""The header in which a proxy on the same machine names the user of the pages; trusted only where nobody else can connect."""

from collections.abc import Mapping, Sequence

from features.errors import LeadQualificationError
from serving.access.bind_address import is_loopback

__all__ = ["USER_HEADER", "user_header"]

USER_HEADER = "LEAD_USER_HEADER"


def user_header(environ: Mapping[str, str], hosts: Sequence[str]) -> str | None:
    """Read the header in which a proxy names the user: ``LEAD_USER_HEADER``; None: no proxy is trusted.

    Raises
    ------
    LeadQualificationError
        It is no name of a header, or others than this machine can connect, and could name whom they like.
    """
    name = environ.get(USER_HEADER, "").strip().lower()
    if not name:
        return None
    if not name.isascii() or not name.replace("-", "").isalnum() or len(name) > 60:
        raise LeadQualificationError(
            f"{USER_HEADER} is {name!r:.70}; the name of a header, such as X-User, is expected."
        )
    if not hosts or not all(map(is_loopback, hosts)):
        raise LeadQualificationError(
            f"{USER_HEADER} is {name!r}, and the service listens beyond loopback: whoever reaches it could name any user. "
            "Let it listen on 127.0.0.1 alone, behind a proxy on the same machine, or unset it."
        )
    return name
