"""Files that only their owner may read, replaced as a whole: whoever reads one sees the old content or the new."""

import os
import tempfile
from pathlib import Path

__all__ = ["replace_private_file"]


def replace_private_file(path: Path, content: str | bytes) -> None:
    """Write a file of mode 0600 in place of `path`, whole and on disk, or leave the old one as it is.

    Raises
    ------
    OSError
        It could not be written.
    """
    # In the same folder, so that it can be renamed; mkstemp makes it for the owner alone
    handle, unfinished = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except BaseException:
        Path(unfinished).unlink(missing_ok=True)
        raise
