from fdd_lightning.report.charts import COLOURS, colours, markers, panels
from fdd_lightning.report.row_names import names_of
from tests.report.fake_rows import row


def test_colours_and_markers_are_one_each():
    rows = [row(m, w) for m in ("random", "dm", "mine", "yours", "full") for w in (*COLOURS, "my", "other")]
    assert len(set(colours(rows).values())) == 6
    assert len(set(markers(rows).values())) == 5
    assert colours(rows[:1]) == {"vanilla": COLOURS["vanilla"]}


def test_panels_are_told_apart():
    both = panels([row(), row(network="mlp"), row(conflict_ratio=None)])
    assert [p.title for p in both] == [
        "colored_digits, 10% bias-conflicting, convnet",
        "colored_digits, 10% bias-conflicting, mlp",
        "colored_digits, convnet",
    ]


def test_what_comes_with_the_set_parts_no_panels():
    learned = row("mtt", eval_settings={"epochs": 9, "lr": "learned"})
    both = panels([learned, row(eval_settings={"epochs": 9}), row(eval_settings={"epochs": 8, "lr": 0.1})])
    assert [len(p.rows) for p in both] == [2, 1]
    assert [p.title.partition(", ")[2] for p in both] == [
        "10% bias-conflicting, epochs=9",
        "10% bias-conflicting, epochs=8, lr=0.1",
    ]


def test_epochs_of_full_training_part_no_panels():
    whole = row("full", eval_settings={"epochs": 4, "width": 16})
    distilled = [row("dm", w, eval_settings={"epochs": 150, "width": 16}) for w in ("vanilla", "kde")]
    (one,) = panels([whole, *distilled])
    assert one.rows == [whole, *distilled]
    assert one.title == "colored_digits, 10% bias-conflicting"
    assert len(panels([whole, *distilled, row("full", eval_settings={"epochs": 4, "width": 32})])) == 2


def test_trainers_stand_side_by_side():
    rows = [row("full", trainer=t, eval_settings={"width": 4, "learner.steps": 9}) for t in ("erm", "lff", "dfa")]
    (one,) = panels(rows)
    assert one.rows == rows
    assert names_of(rows) == ["full", "full, lff", "full, dfa"]
    other = row("full", trainer="dfa", eval_settings={"width": 4, "learner.steps": 8})
    assert names_of([*rows, other])[2:] == ["full, dfa (steps=9)", "full, dfa (steps=8)"]


def test_a_long_label_says_what_is_needed():
    fitted = {"classifier": "selecmix", "classifier.encoder": "a.ConvNet", "classifier.hidden": 64}
    mixes = {**fitted, "source": "a.Mixes", "lr_images": 10.0}
    frozen = {**fitted, "classifier": "dfa", "surrogate": "a.Frozen", "lr_images": 10.0}
    rows = [row("dm", "vanilla", settings=s) for s in ({"lr_images": 10.0}, mixes, frozen, {**mixes, "lr_images": 1.0})]
    assert names_of(rows) == [
        "dm vanilla (lr_images=10)",
        "dm vanilla (lr_images=10, source=Mixes)",
        "dm vanilla (lr_images=10, surrogate=Frozen)",
        "dm vanilla (lr_images=1)",
    ]
