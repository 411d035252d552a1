"""``fdd fit``, ``fdd distill``, ``fdd eval``: what is plainly wrong is told before torch and Lightning are imported."""

from __future__ import annotations

from functools import partial


def stage(name: str, args: list[str]) -> int:
    """Run a stage by the arguments after its name, and return the exit code."""
    asked = {"-h", "--help", "--trainer.help"} & {*args}
    if asked:
        from fdd_lightning.stages.help import stage_help, trainer_help

        left = [word for word in args if word not in asked]
        print(trainer_help() if "--trainer.help" in asked else stage_help(name, left), end="")
        return 0
    from fdd_lightning.stages.early import refuse_early
    from fdd_lightning.stages.noted_classes import NotedClasses

    noted = NotedClasses.read()
    if noted is not None:
        refuse_early(name, args, noted)
    from fdd_lightning.stages.stage_run import run_stage

    if noted is None:
        from fdd_lightning.stages.noting import note_classes

        note_classes()
    run_stage(name, args)
    return 0


fit = partial(stage, "fit")
distill = partial(stage, "distill")
evaluate = partial(stage, "eval")
