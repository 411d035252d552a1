"""``fdd export``: a synthetic set in the layouts that others load."""

from __future__ import annotations

from pathlib import Path

from fdd_lightning.command_line import LineParser
from fdd_lightning.command_line.card import CARD, RESULTS_HELP, file_of_set, read_with_results, told
from fdd_lightning.utils.files import new_folder, require_empty
from fdd_lightning.utils.outputs import require_output


def export(args: list[str]) -> int:
    """Export a set by the arguments after ``fdd export`` and return the exit code."""
    parser = LineParser(
        prog="fdd export",
        description="Write a synthetic set as Hugging Face `datasets` loads it: PNGs in train/CLASS/, or a Parquet "
        "file; beside them its data card and the set itself, unrounded.",
        example="fdd export runs/quickstart/distill/dm-kde-ipc10-seed0 --output shared",
    )
    parser.add_argument("set", metavar="SET", help="a synthetic.safetensors, or its folder")
    parser.add_argument("--output", required=True, metavar="DIR", help="a new folder")
    parser.add_argument("--format", choices=("folder", "parquet"), default="folder", help="PNGs or Parquet (folder)")
    parser.add_argument("--results", metavar="PATH", help=RESULTS_HELP)
    options = parser.parse_args(args)
    file, output = file_of_set(options.set), Path(options.output)
    require_output("--output", options.output, [file.parent if output.exists() else file])
    require_empty(output, "--output")
    made, rows = read_with_results(file, options.results)
    from fdd_lightning.report.data_card import FOLDER, PARQUET, data_card

    _, cut = made.in_bytes()
    with new_folder(output) as folder:
        if options.format == "parquet":
            made.to_parquet(folder / "data" / "train-00000-of-00001.parquet")
        else:
            made.to_folder(folder)
        made.save(folder / "synthetic.safetensors")
        text = data_card(made, rows, PARQUET if options.format == "parquet" else FOLDER)
        (folder / CARD).write_text(text, encoding="utf-8")
    print(f"rounded to 256 levels; {cut:,} of {made.images.numel():,} values lay outside of 0..1 and were cut")
    print(f"export: {output} ({len(made)} images, {told(rows)})")
    return 0
