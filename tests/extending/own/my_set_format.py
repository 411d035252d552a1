"""A format of sets: a text file with one grey level for each class, a line each."""

import torch

from fdd_lightning.imports import Found, SetFormat, Source


class Lines(SetFormat):
    """Grey levels, one image of one class a line."""

    name, looks = "lines", "one grey level a line"

    def read(self, source: Source) -> list[Found] | None:
        """Return the only set that such a file holds, or None where the file is of another format."""
        if source.path.suffix != ".lines":
            return None
        levels = torch.tensor([float(line) for line in source.path.read_text(encoding="utf-8").split()])
        return [Found(levels.view(-1, 1, 1, 1).repeat(1, 3, 16, 16), torch.arange(len(levels)))]
