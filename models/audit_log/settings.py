"""Where the audit log is, and with which keys; one answer for the service and for all commands."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from features.errors import ParameterError
from models.audit_log.entries import AuditKey, Detail
from models.audit_log.log import AuditLog
from models.audit_log.vocabulary import Action
from models.data_protection.folder import privacy_folder
from models.data_protection.key_ring import keys_file, read_keys

__all__ = ["AUDIT_HEAD", "AUDIT_LOG", "AUDIT_LOG_DAYS", "AUDIT_LOG_MB", "audit_log", "say"]

AUDIT_LOG, AUDIT_HEAD = "LEAD_AUDIT_LOG", "LEAD_AUDIT_HEAD"
AUDIT_LOG_DAYS, AUDIT_LOG_MB = "LEAD_AUDIT_LOG_DAYS", "LEAD_AUDIT_LOG_MB"
OFF = "off"


def audit_log(root: Path, environ: Mapping[str, str] = os.environ) -> AuditLog | None:
    """Find the audit log; nothing is created.

    It is written from the moment on at which there are keys (`python -m pipeline.privacy keys`): entries in
    ``LEAD_AUDIT_LOG``, else in ``audit_log`` of the privacy folder; the head in ``LEAD_AUDIT_HEAD``, else in ``audit_head``
    there.

    Parameters
    ----------
    root : Path
        The folder that a stage or the service runs in.
    environ : mapping of str to str
        The environment.

    Returns
    -------
    AuditLog or None
        None: there are no keys, and no log is asked for, or ``LEAD_AUDIT_LOG`` is ``off``.

    Raises
    ------
    LeadQualificationError
        A setting can't be understood, or a log is asked for and there are no keys.
    """
    named = environ.get(AUDIT_LOG, "")
    if named == OFF or (not named and not keys_file(root).exists()):
        return None
    secrets = read_keys(keys_file(root))["log"].keys
    place = privacy_folder(root)
    return AuditLog(
        Path(named).absolute() if named else place / "audit_log",
        Path(environ[AUDIT_HEAD]).absolute() if environ.get(AUDIT_HEAD) else place / "audit_head",
        tuple(AuditKey(key.id, key.secret) for key in secrets),
        most_bytes=_whole(environ, AUDIT_LOG_MB, 4_000, 32) * 1_000_000,
        days=_whole(environ, AUDIT_LOG_DAYS, 1_095, 1),
    )


def say(root: Path, action: Action, lead_ids: Sequence[str], **details: Detail) -> None:
    """Tell the audit log what the user of this command does to leads, where there is a log.

    Parameters
    ----------
    root : Path
        As for `audit_log`.
    action : str
    lead_ids : sequence of str
        The log holds pseudonyms of them.
    details : str, number or bool
        Numbers and codes.

    Raises
    ------
    LeadQualificationError
        There is a log, and it can't be written: what can't be accounted for is not done.
    """
    log = audit_log(root)
    if log is not None:
        log.say(action, lead_ids, None, None, **details)


def _whole(environ: Mapping[str, str], name: str, default: int, least: int) -> int:
    text = environ.get(name) or str(default)
    if not (text.isascii() and text.isdecimal()) or not least <= int(text) <= 1_000_000:
        raise ParameterError(
            f"{name} is {text!r:.40}; a whole number from {least} to 1,000,000 is expected. Correct it."
        )
    return int(text)
