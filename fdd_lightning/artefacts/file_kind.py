"""The one format of all artefacts: a safetensors file whose metadata are a JSON object under the one key ``fdd``.

Nothing in such a file is executed. It is written whole or not at all, and equal content gives equal bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from fdd_lightning.configuration.choices import Spec, build, import_class, is_spec
from fdd_lightning.configuration.named_by_files import require_known
from fdd_lightning.errors import FDDError, FileFormatError
from fdd_lightning.utils.files import atomic_path
from fdd_lightning.utils.finite import not_finite, require_finite
from fdd_lightning.utils.plain_text import cleaned
from fdd_lightning.utils.typed_json import misfits, parse_json

M = TypeVar("M", bound=nn.Module)
METADATA_KEY = "fdd"
UNMARKED = "synthetic set"
"""The kind of a file whose metadata name none."""

COMMON: dict[str, Any] = {
    "dataset": str,
    "data_entry": str,
    "data_parameters": dict[str, Any],
    "data_fingerprint": str,
    "conflict_ratio": float | None,
    "class_names": list[str],
    "group_names": list[str],
    "image_shape": list[int],
    "mean": list[float],
    "std": list[float],
    "settings": dict[str, Any],
    "config": dict[str, Any],
    "network": dict[str, Any],
    "learner": dict[str, Any],
    "num_classes": int,
    "method": str,
    "variant": str,
    "weighting": str,
    "ipc": int | None,
    "distill_seed": int,
    "zca": float | None,
    "densities": dict[str, float],
    "reads_groups": bool | None,
    "signal": str | None,
    "value_range": list[float],
    "threads": int,
}
"""Types of what metadata say, where they say it."""

SPARE = 10**7
"""Numbers that a network may hold, while it is built, beyond twice those of its file."""
MOST = 10**4
"""The largest number of tensors of a network."""


@dataclass(frozen=True)
class FileKind:
    """A kind of artefact: what its files hold, and what to do about one that cannot be read.

    Attributes:
        name: What the metadata call it (``kind``), and messages.
        wanted: The way out where another file was named, or none is there.
        again: The way out where a file is damaged.
        tensors: Names of tensors that every file has.
        facts: Keys that the metadata of every file have, and their types.
        absent: The error where there is no file.
        json: How the metadata are written.
        format: Version of the format; counted up when an older reader would misread a file.

    Example:
        >>> FileKind("expert", "train one", "train it again").open("expert.safetensors")
        Traceback (most recent call last):
        fdd_lightning.errors.FileFormatError: expert 'expert.safetensors' does not exist: train one
    """

    name: str
    wanted: str
    again: str
    tensors: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    absent: type[FDDError] = FileFormatError
    json: Mapping[str, Any] = field(default_factory=lambda: {"sort_keys": True})
    format: int = 1

    def write(self, path: str | Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
        """Write a file of tensors with JSON-able metadata.

        Raises:
            NotFiniteError: A tensor is not finite.
            ValueError: The metadata hold a number that is not, or are no JSON.
        """
        require_finite(_named(tensors), f"{self.name} {path} is not written", "lower the learning rate")
        mark = {} if self.name == UNMARKED else {"kind": self.name}
        text = json.dumps({"format": self.format, **mark, **metadata}, **{"allow_nan": False, **self.json})
        content = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        with atomic_path(path) as temporary:
            # One metadata key only: safetensors writes several in no fixed order.
            save_file(content, temporary, {METADATA_KEY: text})

    def open(self, path: str | Path, *, unmarked: bool = False) -> tuple[Any, dict[str, Any]]:
        """Check a file; return its handle, which reads a tensor when it is asked for, and its metadata.

        Args:
            path: The file.
            unmarked: Take one of another program too, which has no metadata of ours, as one that says nothing.

        Raises:
            FileFormatError: It is missing (or the error :attr:`absent`), cut short, damaged, of another kind or format
                version, or incomplete.
        """
        path = Path(path)
        if not path.is_file():
            what = "is a folder: name the file in it" if path.is_dir() else f"does not exist: {self.wanted}"
            raise self.absent(f"{self.name} {str(path)!r} {what}")
        try:
            handle: Any = safe_open(path, "pt")
            text = (handle.metadata() or {}).get(METADATA_KEY)
            present = set(handle.keys())
        except (SafetensorError, OSError) as error:
            raise FileFormatError(f"{path} {self._diagnosis(path, str(error))}") from None
        if text is None and unmarked:
            text = json.dumps({"kind": self.name, "format": self.format})
        if text is None:
            raise FileFormatError(
                f"{path} is a safetensors file but not {_a(self.name)} (no metadata entry {METADATA_KEY!r}): "
                f"{self.wanted}"
            )
        try:
            metadata = cleaned(parse_json(text))
        except ValueError as error:
            raise FileFormatError(f"{path}: its metadata are not a JSON object ({error}): {self.again}") from None
        if not isinstance(metadata, dict):
            raise FileFormatError(f"{path}: its metadata are not a JSON object: {self.again}")
        kind = metadata.get("kind", UNMARKED)
        if kind != self.name:
            raise FileFormatError(f"{path} holds {_a(str(kind))}, not {_a(self.name)}: {self.wanted}")
        if metadata.get("format") != self.format:
            raise FileFormatError(
                f"{path} has format version {metadata.get('format')!r}, this code reads version {self.format}: "
                "use the version of fdd-lightning that wrote it"
            )
        missing = [f"tensor {name!r}" for name in self.tensors if name not in present]
        missing += [f"metadata {name!r}" for name in self.facts if name not in metadata]
        if missing:
            raise FileFormatError(f"{path} lacks {missing[0]}: {self.again}")
        for name, hint in {**COMMON, **self.facts}.items():
            for place, problem in misfits(metadata[name], hint, name) if name in metadata else ():
                raise FileFormatError(f"{path}: its metadata have {place!r} {problem}: {self.again}")
        return handle, metadata

    def read(self, path: str | Path, *, unmarked: bool = False) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Check a file and return all its tensors and its metadata; takes what :meth:`open` does.

        Raises:
            FileFormatError: As :meth:`open` does, and where a tensor is not finite.
        """
        handle, metadata = self.open(path, unmarked=unmarked)
        tensors = {name: handle.get_tensor(name) for name in handle.keys()}  # noqa: SIM118 (no mapping)
        self.check_finite(path, tensors)
        return tensors, metadata

    def check_finite(self, path: str | Path, tensors: Mapping[str, Tensor]) -> None:
        """Check that what was read of a file is finite.

        Raises:
            FileFormatError: It is not.
        """
        if problem := not_finite(_named(tensors)):
            raise FileFormatError(f"{self.name} {path}: {problem}: {self.again}")

    def built(self, path: str | Path, make: Callable[[], M], numbers: int) -> M:
        """Build a module by what a file says; first without memory, so that sizes in it take no more than it holds.

        Args:
            path: The file, for messages.
            make: Builds the module.
            numbers: How many numbers the file holds.

        Raises:
            FileFormatError: It cannot be built, or would be larger than what the file holds.
        """
        with self.from_file(path):
            with suppress(Exception), _limited(2 * numbers + SPARE), torch.device("meta"):
                make()  # a user's own class may need real memory
            with _limited(2 * numbers + SPARE):
                return make()

    @contextmanager
    def from_file(self, path: str | Path) -> Iterator[None]:
        """Build inside the block what a file describes: what goes wrong is the file's.

        Raises:
            FileFormatError: Something did.
        """
        try:
            yield
        except FDDError as error:
            raise FileFormatError(f"{path}: {error}: {self.again}") from None
        except Exception as error:  # constructors take what the file says, and fail by any error
            reason = " ".join(str(error).split())[:120]
            raise FileFormatError(f"{path}: what it describes cannot be built ({reason}): {self.again}") from None

    def factory(self, path: str | Path, spec: Spec, base: type) -> Any:
        """Return the factory of a spec that a file names: a class of ``base``, and nothing else.

        Raises:
            FileFormatError: It names another class.
        """
        if not is_spec(spec):
            raise FileFormatError(f"{path} names no {base.__name__} by its class path: {self.again}")
        require_known(spec, str(path))
        cls = import_class(spec["class_path"])
        if not (isinstance(cls, type) and issubclass(cls, base)):
            raise FileFormatError(f"{path} names {spec['class_path']}, which is no {base.__name__}: {self.again}")
        with self.from_file(path):
            return build(spec)

    def check_state(self, path: str | Path, tensors: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> None:
        """Check that a file's tensors are those of a module's state, by name and shape.

        Raises:
            FileFormatError: They are not.
        """
        for name in sorted(tensors.keys() | state):
            if name not in tensors or name not in state or tensors[name].shape != state[name].shape:
                raise FileFormatError(f"{path} does not fit the network that it names ({name}): {self.again}")

    def _diagnosis(self, path: Path, error: str) -> str:
        """Tell a file that was cut short from one that never was a safetensors file.

        A safetensors file starts with the length of its header (8 bytes, little endian), then the header's JSON.
        """
        size = path.stat().st_size
        with path.open("rb") as stream:
            start = stream.read(9)
            length = int.from_bytes(start[:8], "little")
            if size < 9:
                return f"is empty or cut short ({size} bytes): {self.again}"
            if start[8:] != b"{" or length > 100_000_000:
                return f"is not a safetensors file: {self.wanted}"
            if 8 + length > size:
                return f"is cut short within its header ({size} bytes): {self.again}"
            stream.seek(8)
            try:
                entries = parse_json(stream.read(length).decode())
                end = 8 + length + max(v["data_offsets"][1] for k, v in entries.items() if k != "__metadata__")
            except (ValueError, KeyError, TypeError, AttributeError, IndexError):
                end = 0
        cut = f"cut short ({size} of {end} bytes)" if end > size else f"damaged ({error[:200]})"
        return f"is {cut}: {self.again}"


def _named(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"tensor {name!r}": tensor for name, tensor in tensors.items()}


class _TooLargeError(BaseException):
    """A network is larger than its file; no mistake of the class that is built, which may catch those."""


@contextmanager
def _limited(numbers: int) -> Iterator[None]:
    """Let the modules built inside the block have so many numbers at most.

    Raises:
        FileFormatError: They would have more.
    """
    left, most = numbers, MOST

    def count(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        nonlocal left, most
        left, most = left - (0 if parameter is None else parameter.numel()), most - 1
        if min(left, most) < 0:
            raise _TooLargeError

    hook = register_module_parameter_registration_hook(count)
    try:
        yield
    except _TooLargeError:
        raise FileFormatError("the network that it names is larger than what it holds") from None
    finally:
        hook.remove()


def _a(noun: str) -> str:
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"
