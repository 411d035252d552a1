"""The page of a report: what it holds, and that it needs nothing else."""

import json
import re
import time
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch

from fdd_lightning.artefacts.run_results import Failure, RunResults
from fdd_lightning.artefacts.stage_folder import StageRecord
from fdd_lightning.artefacts.weights import RealWeights
from fdd_lightning.errors import ConfigError
from fdd_lightning.pages.parts import Text
from fdd_lightning.report.figures import all_figures
from fdd_lightning.report.material import Report
from fdd_lightning.report.page import report_page, write_report
from fdd_lightning.report.run_folders import RunFolder
from fdd_lightning.report.sections import Section, all_sections
from fdd_lightning.utils.files import write_json
from tests.report.fake_rows import fake_set, quickstart, row

VOID = {"meta", "img", "br", "hr", "link", "input"}


class Checker(HTMLParser):
    """Reads a page as a browser does: tags that are closed, anchors that exist, pictures with words."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.links, self.sources, self.silent, self.headings = [], [], [], [], 0, []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given["href"]] if "href" in given else []
        self.sources += [given["src"]] if "src" in given else []
        self.silent += tag == "img" and not given.get("alt")
        self.headings += [tag] if re.fullmatch("h[1-6]", tag) else []

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def checked(html):
    reader = Checker()
    reader.feed(html)
    assert not reader.open
    assert not reader.silent
    assert len(set(reader.ids)) == len(reader.ids)
    assert {link[1:] for link in reader.links} <= set(reader.ids)
    assert all(link.startswith("#") for link in reader.links)
    assert all(source.startswith("data:") for source in reader.sources)
    assert reader.headings[0] == "h1"
    assert "<script" not in html
    return html


def page_of(*runs, **more):
    folders = [
        RunFolder(Path(f"runs/r{n}"), run if isinstance(run, RunResults) else RunResults(run))
        for n, run in enumerate(runs)
    ]
    return checked(report_page(Report(folders, **more), all_sections()))


def headings(html):
    return re.findall(r"<h2 id=\"[^\"]*\">([^<]*)</h2>", html)


def test_a_quickstart_is_summed_up_for_people():
    rows = [
        *quickstart(),
        row("dm", "vanilla", 0.3, 0.9, variant="recommended"),
        row("dm", "fairdd", 0.9, variant="recommended"),
    ]
    html = page_of(rows)
    assert "a network is right for 85% of the images that go against the bias; 25% without the correction." in html
    assert "more than the noise" in html
    assert "Which of" in html
    assert headings(html)[:3] == ["What was asked", "In short", "Results"]
    assert "data:image/svg+xml;base64," in html
    assert "are not there, so their commands are not known" in html


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [row(cell_accuracy=None, cell_count=None, metrics={"accuracy": None})],
        [row("full", "vanilla")],
        [row(cell_accuracy=[[0.5], [None]], cell_count=[[5], [6]], metrics={"accuracy": row().metrics["accuracy"]})],
        [row(seeds=(0,), networks=1)],
        [row(dataset="<b>", weighting="a&b", warnings=["at chance", "<mine>"], seconds={})],
        [row(ipc=None, method="mine"), row(ipc=5, conflict_ratio=None)],
    ],
    ids=["none", "no-figures", "full-alone", "no-groups", "one-value", "strange-names", "no-ipc"],
)
def test_whatever_rows_there_are(rows):
    html = page_of(rows)
    assert "<b>" not in html
    assert "<mine>" not in html
    assert "nan" not in re.sub(r"base64,[^\"]*", "", html)


def test_failures_doubts_and_what_is_missing_are_told():
    failed = Failure(row().identity(), "distill dm", "the images are not finite")
    html = page_of(RunResults([row(warnings=["at chance"])], 5, [failed]), [row("random")])
    assert "Not finished: runs/r0: 1 of 5 rows, 1 failed" in html
    assert "the images are not finite" in html
    assert "a network learned nothing" in html
    assert "Doubts and failures" in headings(html)


def test_published_figures_stand_beside_ours():
    ours = row("dm", "kde", 0.9, dataset="cmnist", conflict_ratio=0.05, ipc=10, preset="cui")
    html = page_of([ours, replace(ours, preset="quick", settings={"iterations": 5})])
    table = html.split("Beside the published figures</h2>")[1].split("</section>")[0]
    assert "Cui et al. 2024 Table" in table
    assert '<td class="n">86.5' in table
    assert "<td>yes</td><td>yes</td>" in table
    assert "<td>no: preset quick</td><td>no: iterations=5</td>" in table


def make_run(folder, settings=None):
    """Write the folder of a run with one row: its set, what the set left, and its stages."""
    one = row(settings=settings or {}, seeds=(3,))
    made = fake_set(0)
    made.metadata |= {
        key: getattr(one, key)
        for key in ("dataset", "method", "variant", "weighting", "ipc", "conflict_ratio", "settings")
    }
    made.metadata |= {"distill_seed": 3, "group_names": ["red", "blue"]}
    distill, evaluate = folder / "distill" / "d" / "x", folder / "eval" / "d" / "x"
    made.save(distill / "synthetic.safetensors")
    steps = [
        made.grid().save(distill / "evolution" / f"{n:07d}.png")
        for n in (1, 2)
        if (distill / "evolution").mkdir(exist_ok=True) is None
    ]
    assert len(steps) == 2
    values = torch.tensor([0.2, 0.3, 4.0])
    facts = {"class_names": ["zero", "one"], "group_names": ["red", "blue"], "weighting": "kde", "dataset": "d"}
    RealWeights(
        torch.tensor([0, 1, 1]), torch.tensor([0, 1, 0]), values, torch.ones(3), values > 1, torch.rand(3, 2), facts
    ).save(distill / "weights.safetensors")
    write_json(
        distill / "stage.json",
        vars(StageRecord("distill", "f", command=["--model=dm", "--output=elsewhere/distill/d/x"])),
    )
    inputs = {"synthetic": "0" * 64}
    command = ["--synthetic=elsewhere/distill/d/x/synthetic.safetensors", "--output=elsewhere/eval/d/x"]
    write_json(evaluate / "stage.json", vars(StageRecord("eval", "g", inputs, command=command)))
    RunResults([one]).write(evaluate / "rows.json")
    RunResults([one], 1).write(folder / "results.json")
    return RunFolder.read(folder)


def test_what_the_folders_hold_is_shown(tmp_path):
    run = make_run(tmp_path / "moved")
    assert run.set_of(run.results.rows[0]) is not None
    assert run.commands(run.results.rows[0]) == [
        "fdd distill --model=dm --output=elsewhere/distill/d/x",
        "fdd eval --synthetic=elsewhere/distill/d/x/synthetic.safetensors --output=elsewhere/eval/d/x",
    ]
    html = checked(report_page(Report([run]), all_sections()))
    for words in (
        "The sets",
        "How the sets came about",
        "How the bias encoder sees",
        "kde on d",
        "fdd eval --synthetic",
    ):
        assert words in html
    assert "33.3% of the images go against the bias and carry 89% of the weight." in html
    assert '<th scope="col" class="n">blue</th>' in html  # names of groups are those of the set


def test_damaged_files_of_a_folder_are_left_out(tmp_path):
    run = make_run(tmp_path / "run")
    for file in [
        *run.folder.glob("distill/**/*.safetensors"),
        *run.folder.glob("**/evolution/*"),
        *run.folder.glob("**/stage.json"),
    ]:
        file.write_bytes(b"damaged")
    html = checked(report_page(Report([RunFolder(run.path, run.results)]), all_sections()))
    assert "hold no synthetic set that can be read" in html


def test_equal_rows_of_several_runs_stand_side_by_side():
    html = page_of([row(seeds=(0, 1)), row("full", "vanilla")], [row(seeds=(0, 1)), row("random")])
    table = html.split("Results</h2>")[1].split("</table>")[0]
    assert re.findall(r'scope="row">([^<]*)', table)[:2] == ["dm fairdd (run=r0)", "dm fairdd (run=r1)"]
    assert "r1 against r0" in html.split("Differences between runs</h2>")[1]


def test_two_hundred_rows_make_no_large_page(tmp_path):
    cells = {"cell_accuracy": [[0.5] * 10] * 10, "cell_count": [[100] * 10] * 10}
    rows = [
        row(method, weighting, 0.5, ipc=ipc, dataset=f"set{data}", settings={"lr": lr}, **cells)
        for data in range(5)
        for method in ("dm", "random")
        for weighting in ("vanilla", "fairdd")
        for ipc in (1, 10)
        for lr in range(5)
    ]
    assert len(rows) == 200
    begun = time.monotonic()
    path = write_report(tmp_path, Report([RunFolder(tmp_path, RunResults(rows))]), all_sections())
    assert time.monotonic() - begun < 60
    assert path.stat().st_size < 5_000_000
    checked(path.read_text(encoding="utf-8"))


class Mine(Section):
    title = "Mine & yours"
    place = 25

    def parts(self, report):
        return [Text(f"{len(report.rows)} < 10")]


def test_a_section_of_the_users_own(fdd, workdir, refused):
    RunResults(quickstart(), 9).write(workdir / "results.json")
    said = fdd("report", ".", f"--sections={__name__}.Mine", "--output=out")
    assert said.code == 0, said.err
    html = checked((workdir / "out" / "report.html").read_text(encoding="utf-8"))
    assert "out/report.html" in said.out
    assert headings(html)[2] == "Mine &amp; yours"
    assert "<p>9 &lt; 10</p>" in html
    assert "is not a section: derive it from" in refused("report", ".", "--sections=fdd_lightning.SyntheticSet")
    with pytest.raises(ConfigError):
        all_sections([Checker])  # type: ignore[list-item]


def test_every_file_of_the_folder_has_a_section_and_a_place_of_its_own():
    sections = all_sections()
    files = [path.stem for path in (Path(__file__).parents[2] / "fdd_lightning/report/sections").glob("*.py")]
    assert len(sections) == len(files) - 1
    assert len({section.place for section in sections}) == len({section.title for section in sections}) == len(sections)


def test_figures_drawn_beside_the_page_are_taken_in(tmp_path):
    from fdd_lightning.report.figures import draw_all
    from tests.report.fake_rows import by_size

    figures = all_figures()
    draw_all(figures, by_size(), tmp_path)
    report = Report([RunFolder(tmp_path, RunResults(by_size()))], figures, tmp_path)
    html = checked(report_page(report, all_sections()))
    assert html.split("More charts</h2>")[1].split("</section>")[0].count("<img") == 1
    assert json.dumps("Accuracy against images per class") in html or "Accuracy against images per class" in html
