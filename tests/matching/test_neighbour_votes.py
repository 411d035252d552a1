"""The neighbour vote against a literal one, and what it says of data with a shortcut and without."""

import math

import pytest
import torch

from fdd_lightning.configuration.choices import build, spec_of
from fdd_lightning.datamodules import ColoredDigits
from fdd_lightning.datasets import ImageSet
from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.colour_texture import EDGES, colour_shares, texture_shares
from fdd_lightning.matching.evidence import Evidence, Gallery
from fdd_lightning.matching.extractors import Statistics
from fdd_lightning.matching.groupings import KMeansClusters, Labels, NeighbourVote
from fdd_lightning.matching.neighbour_votes import Ballot, CrossFitted, neighbour_shares
from fdd_lightning.matching.weightings import Vote
from fdd_lightning.utils.rng import generator


def draw(name):
    return generator(0, "votes", name)


def test_neighbours_vote_as_a_literal_search_says():
    points, targets = torch.randn(40, 3, generator=draw("points")), torch.randint(3, (40,), generator=draw("labels"))
    shares = neighbour_shares(points, targets, 3, neighbours=5)
    for i in range(40):
        others = sorted((math.dist(points[i], points[j]), j) for j in range(40) if j != i)[:5]
        labels = [int(targets[j]) for _, j in others]
        assert shares[i].tolist() == pytest.approx([labels.count(c) / 5 for c in range(3)])


def test_what_shares_a_source_does_not_vote_for_each_other():
    points, targets = torch.randn(40, 3, generator=draw("points")), torch.randint(3, (40,), generator=draw("labels"))
    sources = torch.arange(40) // 4
    shares = neighbour_shares(points, targets, 3, neighbours=5, sources=sources)
    for i in range(40):
        others = sorted((math.dist(points[i], points[j]), j) for j in range(40) if sources[j] != sources[i])[:5]
        labels = [int(targets[j]) for _, j in others]
        assert shares[i].tolist() == pytest.approx([labels.count(c) / 5 for c in range(3)])
    with pytest.raises(ConfigError, match="does not know which images share a source"):
        NeighbourVote(apart=True).prepare(gallery(prepared_digits(None)))


def test_colours_are_counted_in_64_boxes():
    pixels = torch.randint(256, (3, 3, 6, 6), dtype=torch.uint8, generator=draw("pixels"))
    for image, shares in zip(pixels, colour_shares(pixels), strict=True):
        counts = [0] * 64
        for y in range(6):
            for x in range(6):
                red, green, blue = (int(v) // 64 for v in image[:, y, x])
                counts[red * 16 + green * 4 + blue] += 1
        assert shares.tolist() == pytest.approx([math.sqrt(count / 36) for count in counts])


def literal_strengths(values):
    counts = [0] * 8
    for value in values:
        counts[sum(abs(value) >= edge for edge in EDGES)] += 1
    return [math.sqrt(count / len(values)) for count in counts]


def test_textures_are_counted_as_said():
    pixels = torch.randint(256, (1, 3, 6, 8), dtype=torch.uint8, generator=draw("texture"))
    red, green, blue = (pixels[0].double() / 255).tolist()
    expected = []
    for plane in ("grey", "red-green", "blue-green"):
        full = [
            [
                {"grey": (r + g + b) / 3, "red-green": r - g, "blue-green": b - g}[plane]
                for r, g, b in zip(*line, strict=True)
            ]
            for line in zip(red, green, blue, strict=True)
        ]
        halved = [
            [sum(full[2 * y + i][2 * x + j] for i in (0, 1) for j in (0, 1)) / 4 for x in range(4)] for y in range(3)
        ]
        for p in (full, halved):
            rows, columns = range(len(p)), range(len(p[0]))
            expected += literal_strengths([p[y][x + 1] - p[y][x] for y in rows for x in columns[:-1]])
            expected += literal_strengths([p[y + 1][x] - p[y][x] for y in rows[:-1] for x in columns])
            inner = [(y, x) for y in rows[1:-1] for x in columns[1:-1]]
            expected += literal_strengths(
                [4 * p[y][x] - p[y - 1][x] - p[y + 1][x] - p[y][x - 1] - p[y][x + 1] for y, x in inner]
            )
    assert texture_shares(pixels)[0].tolist() == pytest.approx(expected, abs=1e-6)


def test_each_half_is_judged_by_the_classifier_of_the_other():
    """Labels that are pure chance cannot be told, however well they could be learned by heart."""
    points, targets = torch.randn(200, 50, generator=draw("halves")), torch.randint(2, (200,), generator=draw("chance"))
    shares = CrossFitted(epochs=60, batch_size=20)(points, targets, 2)
    assert torch.allclose(shares.sum(1), torch.ones(200))
    assert float((shares.argmax(1) == targets).float().mean()) < 0.7
    assert torch.equal(shares, CrossFitted(epochs=60, batch_size=20)(points, targets, 2))


def ballot(*lines, targets, margin=0.2):
    return Ballot(torch.tensor(lines).unsqueeze(0), torch.tensor(targets), margin)


def test_the_winner_is_the_group_where_it_wins_by_the_margin():
    votes = ballot([0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.1, 0.9], targets=[0, 0, 0, 0, 0, 0])
    assert votes.groups.tolist() == [0, 0, 0, 0, 0, 0], "few clear ones: nothing found"
    votes = ballot(*[[0.9, 0.1]] * 8, [0.45, 0.55], [0.1, 0.9], targets=[0] * 10)
    assert votes.groups.tolist() == [0] * 9 + [1]
    assert votes.verdict.signal == "vote"


def test_who_insists_gets_the_groups_and_is_told_what_the_verdict_was():
    lines = torch.tensor([[[0.9, 0.1]] * 4 + [[0.4, 0.6], [0.1, 0.9]]])
    votes = Ballot(lines, torch.zeros(6, dtype=torch.long), margin=0.5, insisted=True)
    assert votes.groups.tolist() == [0, 0, 0, 0, 0, 1]
    assert votes.verdict.signal == "vote"
    assert votes.verdict.words.startswith("no shortcut found: colour and texture hardly predict the class; corrected")
    assert "the vote finds 16.7% of images against the crowd in 1 of 2 classes" in votes.verdict.words


def test_voters_that_contradict_each_other_are_not_trusted():
    votes = torch.zeros(3, 40, 2)
    votes[:, :, 0] = 1.0
    votes[:, :6] = torch.tensor([0.1, 0.9])
    targets = torch.zeros(40, dtype=torch.long)
    verdict = Ballot(votes, targets, 0.2).verdict
    assert (verdict.signal, verdict.overlap) == ("vote", 1.0)
    for image in range(6):  # each has one voter against it, who outvotes the others
        votes[:, image] = torch.tensor([1.0, 0.0])
        votes[image % 3, image] = torch.tensor([-3.0, 4.0])
    verdict = Ballot(votes, targets, 0.2).verdict
    assert (verdict.signal, verdict.overlap) == ("none", 0.0)
    assert "do not trust" in verdict.words


def gallery(data):
    return Gallery(data.train.without_groups(), data.num_classes, 0, torch.device("cpu"))


def prepared_digits(ratio):
    data = ColoredDigits(conflict_ratio=ratio)
    data.prepare_data()
    data.setup("fit")
    return data


@pytest.fixture(scope="module")
def prepared():
    def of(ratio):
        data = prepared_digits(ratio)
        vote = NeighbourVote()
        vote.prepare(gallery(data))
        return vote, data

    return of


def test_the_bias_of_the_digits_is_found_without_their_groups(prepared):
    vote, data = prepared(0.1)
    assert vote.verdict.signal == "vote"
    assert vote.verdict.words == (
        "the vote finds 10.3% of images against the crowd in 10 of 10 classes; weighed alike, its groups rest on an "
        "effective 11.3% of a class"
    )
    found = vote(Evidence(size=len(data.train), index=torch.arange(len(data.train))))
    assert float((found == data.train.groups).float().mean()) > 0.99
    again = build(spec_of(vote))
    again.prepare(gallery(data))
    assert torch.equal(again.ballot.votes, vote.ballot.votes), "comes out the same twice"


def test_nothing_is_found_in_the_unbiased_twin_and_nothing_corrected(prepared):
    vote, data = prepared(None)
    assert vote.verdict.signal == "none"
    assert vote.verdict.words.startswith("no shortcut found")
    assert torch.equal(vote.ballot.groups, data.train.targets)


def test_a_vote_needs_the_training_set_first():
    with pytest.raises(ConfigError, match="has not seen the training set"):
        NeighbourVote()(Evidence(size=1, index=torch.tensor([0])))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: NeighbourVote(neighbours=0), "neighbours"),
        (lambda: NeighbourVote(margin=2.0), "margin"),
        (lambda: NeighbourVote([], classifier=None), "to vote by"),
        (lambda: Statistics(0, 0), "sees nothing"),
        (lambda: CrossFitted(q=0.0), "q"),
    ],
)
def test_senseless_arguments_are_one_line(make, message):
    with pytest.raises(ConfigError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_what_needs_one_row_says_what_to_take_instead_of_the_vote():
    assert "barycenter" in Vote().single_row_alternative()
    assert not Vote().is_uniform()
    assert not Vote().needs_groups
    assert Vote(groups=KMeansClusters(2)).needs_embeddings


def test_the_vote_takes_no_labels():
    with pytest.raises(ConfigError, match="take FairDD"):
        Vote(groups=Labels())


@pytest.mark.parametrize("count", [2, 5, 30])
def test_few_images_and_images_all_alike_are_judged_without_a_word(count, recwarn):
    """Fewer images than components, and columns that do not vary."""
    draws = torch.randint(256, (count, 3, 12, 12), dtype=torch.uint8, generator=draw("few"))
    for images in (draws, torch.zeros_like(draws)):
        verdict_on(images, torch.arange(count) % 2, 2)
    assert not [each for each in recwarn if "sklearn" in str(each.filename)]


def test_grey_images_have_statistics():
    grey = torch.randint(256, (30, 1, 12, 12), dtype=torch.uint8, generator=draw("grey"))
    data = ImageSet(grey, torch.arange(30) % 2, torch.zeros(30, dtype=torch.long), (0.5,), (0.5,))
    features = Statistics(colours=None, textures=None).prepare(Gallery(data, 2, 0, torch.device("cpu")))
    assert features(torch.arange(30)).shape == (30, 208)
    assert bool(features(torch.arange(30)).isfinite().all())


def verdict_on(images, targets, num_classes):
    real = ImageSet(images, targets, torch.zeros_like(targets), (0.5,) * 3, (0.5,) * 3)
    vote = NeighbourVote()
    vote.prepare(Gallery(real, num_classes, 0, torch.device("cpu")))
    return vote.verdict


@pytest.fixture(scope="module")
def plain():
    """The digits in grey, 16x16, and their labels."""
    data = ColoredDigits(conflict_ratio=None)
    data.prepare_data()
    data.setup("fit")
    return data.train.images.amax(1, keepdim=True).expand(-1, 3, -1, -1).contiguous(), data.train.targets


def test_an_honest_shape_is_no_shortcut(plain):
    images, targets = plain
    assert verdict_on(images, targets, 10).signal == "none"


def test_a_bias_in_position_is_not_seen_and_nothing_is_corrected(plain):
    """Where the vote may fail it does nothing; docs/label_free.md says so."""
    images, targets = plain
    places = torch.where(torch.rand(len(targets), generator=draw("places")) < 0.9, targets, 9 - targets)
    shifted = torch.stack([image.roll(int(place) - 5, dims=1) for image, place in zip(images, places, strict=True)])
    verdict = verdict_on(shifted, targets, 10)
    assert verdict.signal == "none"
    assert verdict.words.startswith("no shortcut found")


def test_two_groups_of_two_classes_are_found_where_they_go_with_the_classes(plain):
    images, digits = plain
    targets = digits % 2
    groups = torch.where(torch.rand(len(targets), generator=draw("pairs")) < 0.9, targets, 1 - targets)
    images = images.clone()
    images[groups == 1, 1:] = 0  # red
    verdict = verdict_on(images, targets, 2)
    assert (verdict.signal, verdict.classes) == ("vote", 2)


def test_two_groups_of_many_classes_are_not_seen(plain):
    """As in CIFAR10-S: five classes mostly grey, five mostly red."""
    images, targets = plain
    groups = torch.where(torch.rand(len(targets), generator=draw("many")) < 0.9, targets // 5, 1 - targets // 5)
    images = images.clone()
    images[groups == 1, 1:] = 0
    assert verdict_on(images, targets, 10).signal == "none"
