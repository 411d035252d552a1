"""``fdd import``: other people's sets, made into synthetic sets of ours."""

from __future__ import annotations

from pathlib import Path

from fdd_lightning.command_line import LineParser
from fdd_lightning.command_line.data_arguments import data_options
from fdd_lightning.command_line.data_names import refuse_early
from fdd_lightning.errors import ConfigError, DatasetNotFoundError
from fdd_lightning.utils.checks import require
from fdd_lightning.utils.locks import held
from fdd_lightning.utils.outputs import require_output

ARTEFACT = "synthetic.safetensors"


def import_set(args: list[str]) -> int:
    """Import a set by the arguments after ``fdd import`` and return the exit code."""
    parser = LineParser(
        prog="fdd import",
        usage="fdd import FILE-OR-FOLDER --data NAME --output DIR [--data.ARGUMENT VALUE ...] [options]",
        description="Make a synthetic set file of what another program saved, to be measured by fdd eval: res_*.pt of "
        "DC, DSA, DM, FairDD or COBRA, data.pt of IDC or DREAM, images_best.pt of MTT with its labels_best.pt, an npz, "
        "a safetensors file, or a folder of images by class. Nothing in a file is executed.",
        example="fdd import res_DM_Colored_MNIST_foreground_ConvNet_10ipc.pt --data cmnist_fg --output runs/theirs",
    )
    parser.add_argument("source", metavar="FILE-OR-FOLDER", help="what the other program saved")
    parser.add_argument("--data", required=True, metavar="NAME", help="the data set that it was made from")
    parser.add_argument("--output", required=True, metavar="DIR", help=f"folder for {ARTEFACT} and its picture")
    parser.add_argument(
        "--normalisation",
        metavar="HOW",
        help="what the values are: data (normalised as the data set is), raw (0 to 1), bytes (0 to 255), zca "
        "(whitened), or MEAN,.../STD,... (default: inferred from their range, and said)",
    )
    parser.add_argument("--index", type=int, metavar="N", help="which experiment, where a file holds several (0)")
    parser.add_argument(
        "--factor", type=int, default=1, metavar="N", help="images per side that are stored in one: IDC's factor (1)"
    )
    parser.add_argument("--method", default="imported", metavar="NAME", help="its name in tables (imported)")
    parser.add_argument("--weighting", default="unstated", metavar="NAME", help="likewise (unstated)")
    parser.add_argument("--format", metavar="CLASS", help="class path of a format of your own (default: by content)")
    options, left = parser.parse_known_args(args)
    arguments = data_options(parser, left)
    require({"--factor": options.factor, "--index": options.index}, least=0, of="fdd import:")
    source, output = Path(options.source), Path(options.output)
    if not options.source.strip() or not source.exists():
        raise DatasetNotFoundError(f"{options.source!r} does not exist: name the file or folder of a set")
    require_output("--output", options.output, [source])
    if (output / ARTEFACT).exists():
        raise ConfigError(f"--output {output} holds a {ARTEFACT} already: name another folder, or delete it")
    refuse_early([options.data], arguments)
    from fdd_lightning import imports  # torch, after what can be refused
    from fdd_lightning.command_line.data_by_name import find
    from fdd_lightning.datamodules.named import place_options

    data = find(options.data).data(arguments)
    require_output("--output", options.output, [source, *data.own_paths])
    found = imports.import_set(
        source,
        data,
        normalisation=options.normalisation,
        index=options.index,
        factor=options.factor,
        method=options.method,
        weighting=options.weighting,
        formats=None if options.format is None else [imports.format_named(options.format)],
    )
    with held(output):
        file = found.synthetic.save(output / ARTEFACT)
    for line in found.lines:
        print(line)
    where = place_options(type(data), found.synthetic.metadata["data_parameters"])
    print(f"import: {file} (measure it: {' '.join(['fdd eval --synthetic', str(file), where]).rstrip()})")
    return 0
