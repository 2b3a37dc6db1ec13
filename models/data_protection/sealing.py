"""Encryption of what pseudonyms stand for: AES-256-GCM of `cryptography`, under keys derived from the ring `pseudonyms`."""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from features.errors import LeadQualificationError
from models.data_protection.key_ring import Key, KeyRing

__all__ = ["Seal"]

ID_BYTES, NONCE_BYTES = 4, 12


class Seal:
    """Seals bytes under the newest key of a ring, and opens what any of its keys sealed.

    What comes out is the key's id (4 bytes), the nonce (12, drawn at random each time) and the ciphertext with its tag
    (NIST SP 800-38D). Keys are derived by HKDF (RFC 5869), so that none makes pseudonyms and encrypts.

    Parameters
    ----------
    ring : KeyRing
        Of the purpose `pseudonyms`.
    """

    def __init__(self, ring: KeyRing) -> None:
        self._newest = bytes.fromhex(ring.newest.id)
        self._boxes = {bytes.fromhex(key.id): AESGCM(_derived(key)) for key in ring.keys}

    def close(self, content: bytes, about: bytes) -> bytes:
        """Encrypt; `about` says what it is, is not in the result, and must be said again to open it."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return self._newest + nonce + self._boxes[self._newest].encrypt(nonce, content, about)

    def open(self, sealed: bytes, about: bytes, where: str) -> bytes:
        """Decrypt.

        Parameters
        ----------
        sealed, about : bytes
            As `close` gave it and was given.
        where : str
            For messages: never what is inside.

        Raises
        ------
        LeadQualificationError
            The key is gone, or the content was changed.
        """
        key_id, nonce = sealed[:ID_BYTES], sealed[ID_BYTES : ID_BYTES + NONCE_BYTES]
        box = self._boxes.get(key_id)
        if box is None:
            raise LeadQualificationError(
                f"{where}: the key {key_id.hex()!r} that sealed it is not among those of the purpose pseudonyms. Restore the "
                "file of keys from its backup; without it nobody can say whom pseudonyms stand for until ingest reads the "
                "CRM's files again."
            )
        try:
            return box.decrypt(nonce, sealed[ID_BYTES + NONCE_BYTES :], about)
        except (InvalidTag, ValueError) as error:
            raise LeadQualificationError(
                f"{where} was changed or cut short. Remove it, and let ingest write it anew."
            ) from error


def _derived(key: Key) -> bytes:
    return HKDF(SHA256(), 32, None, b"lead-qualification: names of pseudonyms").derive(key.secret)
