"""What an erasure must remember until it is done: the person's ids, encrypted, and the models. Removed at the end."""

import base64
import json
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken

from features.errors import DataError
from models.data_protection.key_ring import KeyRing

__all__ = ["Journal"]


class Journal:
    """The notes of one erasure, so that a run that was interrupted is gone on with.

    Parameters
    ----------
    folder : Path
        Of the certificates.
    ring : KeyRing
        Of the purpose `log`: names the file and encrypts it.
    lead_id : str
        As it was asked for.
    """

    def __init__(self, folder: Path, ring: KeyRing, lead_id: str) -> None:
        self.path = folder / f"{ring.newest.mac(lead_id)[:32]}.unfinished"
        self._box = Fernet(base64.urlsafe_b64encode(ring.newest.secret))

    def read(self) -> dict[str, Any] | None:
        """Give the notes of an interrupted run; None: there is none.

        Raises
        ------
        DataError
            They can't be decrypted.
        """
        try:
            return dict(json.loads(self._box.decrypt(self.path.read_bytes())))
        except FileNotFoundError:
            return None
        except InvalidToken as error:
            raise DataError(
                f"{self.path}: can't be decrypted with the key of the purpose log. Restore keys.json."
            ) from error

    def write(self, notes: dict[str, Any]) -> None:
        """Keep notes; the file is replaced as a whole."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = self.path.with_suffix(".partial")
        partial.touch(mode=0o600)
        partial.write_bytes(self._box.encrypt(json.dumps(notes).encode()))
        partial.replace(self.path)

    def remove(self) -> None:
        """Forget them."""
        self.path.unlink(missing_ok=True)
