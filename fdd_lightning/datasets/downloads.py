"""What is fetched ends at the size that it was published with, whoever answers."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class _Limited(urllib.request.BaseHandler):
    """Lets no answer be read beyond a number of bytes."""

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def https_response(self, request: urllib.request.Request, response: Any) -> Any:
        """Count what is read of the answer."""
        read: Callable[..., bytes] = response.read
        left = self.limit

        def counted(size: int | None = None) -> bytes:
            nonlocal left
            # One byte more than is left tells an answer that ends there from one that goes on.
            part = read(left + 1 if size is None or size < 0 else min(size, left + 1))
            left -= len(part)
            if left < 0:
                raise OSError(f"{request.full_url} sends more than the {self.limit:,} bytes that were published")
            return part

        response.read = counted
        return response

    http_response = https_response


@contextmanager
def at_most(limit: int) -> Iterator[None]:
    """Let urllib, by which torchvision fetches, read no more than so many bytes of any one answer inside the block."""
    before = getattr(urllib.request, "_opener", None)
    urllib.request.install_opener(urllib.request.build_opener(_Limited(limit)))
    try:
        yield
    finally:
        urllib.request.install_opener(before)
