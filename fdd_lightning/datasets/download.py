"""Source files from the web: fetched, taken up again after a break, verified."""

# Of the libraries, pooch verifies but starts over after a break; pypdl takes up again but leaves comparing checksums to
# the caller and brings an event loop of its own. urllib does what is needed here in few lines.

from __future__ import annotations

import hashlib
import http.client
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from fdd_lightning.__about__ import __version__
from fdd_lightning.datasets.archives import extract, writing
from fdd_lightning.errors import DatasetNotFoundError, FileFormatError
from fdd_lightning.utils.files import locked
from fdd_lightning.utils.progress import count_bytes

__all__ = ["Remote", "extract", "fetch"]

TIMEOUT = 30
"""Seconds without a byte after which a server counts as gone."""

CHUNK = 1 << 18
HEADERS = {"User-Agent": f"fdd-lightning/{__version__}"}  # some servers turn Python's own name away


@dataclass(frozen=True)
class Remote:
    """A file on the web.

    Attributes:
        url: Where it is.
        name: Name to keep it under.
        md5: Its MD5 in hexadecimal, if that is published.
        sha256: Its SHA-256 in hexadecimal, if that is published.
        size: Its size in bytes, if that is published.
    """

    url: str
    name: str
    md5: str | None = None
    sha256: str | None = None
    size: int | None = None


class _BrokenOffError(Exception):
    """A server did not give the (whole) file; the text says why."""


def fetch(remote: Remote | Sequence[Remote], folder: Path) -> Path:
    """Fetch a file, unless it is there already.

    Bytes arrive in ``NAME.part``, which stays when the transfer breaks off (by Ctrl-C, for example) and is taken up
    again by the next call; a file without a published checksum starts over. Of two processes that fetch into one folder
    at once, the second waits for the first.

    Args:
        remote: The file, or the same file on several servers, to be tried in turn.
        folder: Where it goes; made if need be.

    Returns:
        Its path, with the right size and checksum.

    Raises:
        DatasetNotFoundError: No server gave the file, or the right one; a part with a wrong checksum is removed.
        FileFormatError: The file was there already, but it is another one.
        FDDError: The folder cannot be written (full disk, no permission).
    """
    mirrors = [remote] if isinstance(remote, Remote) else list(remote)
    path = folder / mirrors[0].name
    if not path.is_file():
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            with locked(folder, wait=True):
                if not path.is_file():
                    part = path.with_name(path.name + ".part")
                    _fetch_part(mirrors, part)
                    part.replace(path)
                    return path
    wrong = _mismatch(mirrors[0], path)
    if wrong:
        raise FileFormatError(f"{str(path)!r} is not the file that was published ({wrong}): delete it to fetch it anew")
    return path


def _fetch_part(mirrors: Sequence[Remote], part: Path) -> None:
    """Fill ``part`` from the first server that gives the right file."""
    reasons = []
    for remote in mirrors:
        while True:
            before = _size(part)
            try:
                _transfer(remote, part)
                reason = _mismatch(remote, part)
                if reason is None:
                    return
                part.unlink()
            except _BrokenOffError as broken:
                if _size(part) > before:
                    continue  # a line that drops now and then still brings the file
                reason = str(broken)
            reasons.append(f"{urlsplit(remote.url).netloc}: {reason}")
            break
    raise DatasetNotFoundError(
        f"{mirrors[0].name} could not be fetched to {str(part.parent)!r} ({'; '.join(reasons)}): run the same command "
        "again, or put the file there by hand"
    )


def _transfer(remote: Remote, part: Path) -> None:
    """Append what ``part`` lacks, or write it anew if the server cannot give a rest.

    Raises:
        _BrokenOffError: The server did not give everything.
    """
    if remote.md5 is None and remote.sha256 is None:
        part.unlink(missing_ok=True)  # nothing would tell whether the halves fit together
    done = _size(part)
    if remote.size is not None and done >= remote.size:
        return
    request = Request(remote.url, headers=HEADERS | ({"Range": f"bytes={done}-"} if done else {}))
    try:
        with _network():
            response = urlopen(request, timeout=TIMEOUT)
    except _BrokenOffError as broken:
        if done and isinstance(broken.__cause__, HTTPError) and broken.__cause__.code == 416:
            return  # there is nothing after the part: the checksum tells whether it is the file
        raise
    with response:
        if response.status != 206:
            done = 0
        elif not response.headers.get("Content-Range", "").startswith(f"bytes {done}-"):
            raise _BrokenOffError("it sent another part of the file than the one asked for")
        length = response.headers.get("Content-Length", "")
        total = done + int(length) if length.isdecimal() else remote.size
        with part.open("ab" if done else "wb") as stream, count_bytes(f"fetching {remote.name}", total, done) as show:
            while True:
                with _network():
                    chunk = response.read(CHUNK)
                if not chunk:
                    break
                stream.write(chunk)
                done += len(chunk)
                show(done)
    if total is not None and done < total:
        raise _BrokenOffError(f"the connection broke off after {done:,} of {total:,} bytes")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _mismatch(remote: Remote, path: Path) -> str | None:
    """Say how a file differs from the published one, if it does."""
    if remote.size is not None and _size(path) != remote.size:
        return f"{_size(path):,} bytes, not {remote.size:,}"
    for kind, expected in (("md5", remote.md5), ("sha256", remote.sha256)):
        if expected is not None:
            with path.open("rb") as stream:
                found = hashlib.file_digest(stream, kind).hexdigest()
            if found != expected.lower():
                return f"{kind} {found[:8]}..., not {expected[:8].lower()}..."
    return None


@contextmanager
def _network() -> Iterator[None]:
    """Tell failures of the network from those of the disk, which are of the same class."""
    try:
        yield
    except HTTPError as error:
        error.close()
        raise _BrokenOffError(f"HTTP {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise _BrokenOffError(" ".join(str(reason).split()) or type(error).__name__) from error
