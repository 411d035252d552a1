"""What the findings mean, in three sentences: is there a bias, how sure is that, what to do next."""

from __future__ import annotations

from fdd_lightning.audit.findings import Findings

BLIND = (
    "a bias in shape, size or place, or of a few groups across many classes, would not show there, so this cannot tell"
)


def sentences(findings: Findings) -> tuple[str, str, str]:
    """Return whether there is a bias, how sure that is, and what to do next.

    Example:
        >>> from fdd_lightning.datamodules import ColoredDigits
        >>> from fdd_lightning.audit.findings import look_at
        >>> data = ColoredDigits()
        >>> data.setup()
        >>> sentences(look_at(data))[0].partition(":")[0]
        'By the groups that are given there is a bias'
    """
    return is_there_a_bias(findings), how_sure(findings), what_next(findings)


def is_there_a_bias(findings: Findings) -> str:
    """Say what the groups say, where there are any, and what colour and texture say."""
    verdict, association = findings.verdict, findings.association
    if verdict.signal == "vote":
        where = f"in {verdict.classes} of {verdict.num_classes} classes"
        seen = (
            f"colour and texture give the class of {verdict.agreement:.0%} of the images away, and "
            f"{verdict.against:.1%} go against that, {where}: a shortcut, or an honest cue"
        )
    else:
        seen = f"in colour and texture no shortcut shows; {BLIND}"
    if association is None:
        return f"{seen[0].upper()}{seen[1:]}."
    if not association.notable:
        return f"By the groups that are given there is none to speak of: {association}. Without them, {seen}."
    largest = association.cells.max(1).values.sum() / association.cells.sum()
    groups = [findings.group_names[int(place)] for place in association.cells.argmax(1)]
    pairs = [f"{name}: {group}" for name, group in zip(findings.class_names, groups, strict=True)]
    told = "; ".join(pairs[:4]) + ("; ..." if len(pairs) > 4 else "")
    return (
        f"By the groups that are given there is a bias: {association}, {largest:.0%} of the training images are of "
        f"their class's largest group ({told}). Without them, {seen}."
    )


def how_sure(findings: Findings) -> str:
    """Say how much the voters agree, and how well they name bias-conflicting images, where these are known."""
    verdict = findings.verdict
    said = [
        f"{verdict.clear:.0%} of the images that go against the crowd do so clearly",
        f"colour, texture and a small classifier agree on {verdict.overlap:.0%} of them",
    ]
    if findings.auroc is not None:
        told = f"an AUROC of {findings.auroc:.2f} (1: perfectly, 0.5: not at all)"
        said.append(f"they tell bias-conflicting images from aligned ones by {told}")
    few = min(int(count) for count in findings.targets.bincount() if count)
    if few < 100:
        said.append(f"the smallest class has {few} images, which is few")
    return f"How sure: {'; '.join(said)}."


def what_next(findings: Findings) -> str:
    """Say which weighting to take, and what to look at."""
    biased = findings.association is not None and findings.association.notable
    look = "see on the contact sheet whether those that go against the crowd are mistakes, rare, or of another group"
    if biased:
        return f"Next: distil with the groups, method dm_recommended with weighting fairdd; {look}."
    if findings.verdict.signal == "vote":
        return (
            f"Next: {look}; where the cue is a shortcut, distil without groups, method dm_recommended with weighting "
            "vote, and where it is honest with vanilla."
        )
    return (
        f"Next: {look}; where you suspect a bias, make a table with a column of groups (a part of the images will do, "
        "in a folder of their own) and audit that, or train a bias encoder on these images (fdd fit --config "
        f"encoder/supcon_small {findings.asked_by}), which says whether it can be trusted; else distil with vanilla."
    )
