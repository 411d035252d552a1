"""The sentence at the end of a run."""

from fdd_lightning.report.label_free_sentences import label_free_sentences
from tests.report.fake_rows import row

RECOMMENDED = {"variant": "recommended", "signal": "vote", "reads_groups": False, "spread": 0.0}


def test_a_recommended_row_stands_beside_plain_and_drawn_ones():
    rows = [
        row("random", "vote", 0.88, 0.14, spread=0.0),
        row("dm", "vanilla", 0.27, 0.99, spread=0.0),
        row("dm", "vote", 0.91, 0.1, **RECOMMENDED),
        row("dm", "fairdd", 0.92, 0.1, **{**RECOMMENDED, "signal": None, "reads_groups": True}),
    ]
    assert label_free_sentences(rows) == [
        "dm recommended vote (colored_digits, 10%, ipc 10): 91.0%, DEO_A 10.0 (without it 27.0%, DEO_A 99.0, drawn "
        "images 88.0%, DEO_A 14.0); no group labels were read"
    ]


def test_where_nothing_was_found_the_sentence_says_so():
    (sentence,) = label_free_sentences([row("dm", "vote", 0.9, 0.1, **{**RECOMMENDED, "signal": "none"})])
    assert sentence.endswith("90.0%, DEO_A 10.0; no shortcut was found and no correction applied")


def test_published_rows_need_no_sentence():
    assert label_free_sentences([row("dm", "vote", 0.9, 0.1, signal="vote", reads_groups=False)]) == []
