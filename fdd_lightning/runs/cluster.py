"""The file that says on which cluster the stages of a run are carried out."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fdd_lightning.configuration import menu
from fdd_lightning.errors import ConfigError, DatasetNotFoundError, DependencyNotFoundError

EXECUTORS = ("slurm", "local", "debug")
"""Those of submitit: SLURM's queue; processes of this machine; this very process, one after the other."""

DEFAULTS = {"name": "fdd", "timeout_min": 24 * 60}
"""Parameters of which submitit's own defaults are no use: jobs would end after five minutes."""

ONE = ("nodes", "tasks_per_node")
"""Parameters by which a job would carry a stage out several times."""


@dataclass(frozen=True)
class Cluster:
    """A cluster as submitit takes it.

    Attributes:
        file: Where it is said.
        executor: ``slurm``, ``local`` or ``debug``.
        parameters: Parameters of submitit's ``AutoExecutor``.

    Example:
        >>> Cluster(Path("slurm.yaml"), "slurm", {"cpus_per_task": 4}).threads
        4
    """

    file: Path
    executor: str
    parameters: Mapping[str, Any]

    @property
    def threads(self) -> int | None:
        """Threads of each job, as far as the parameters say."""
        found: int | None = self.parameters.get(f"{self.executor}_cpus_per_task", self.parameters.get("cpus_per_task"))
        return found

    def open(self, folder: Path) -> Any:
        """Return submitit's executor; what it writes, jobs and their logs, lies in a folder.

        Raises:
            ConfigError: A parameter is none, or there is no such cluster here.
            DependencyNotFoundError: submitit is not installed.
        """
        try:
            submitit = importlib.import_module("submitit")
        except ModuleNotFoundError:
            raise DependencyNotFoundError(
                "--cluster needs submitit: pip install 'fdd-lightning[cluster]', or leave it out (--jobs N runs stages "
                "side by side here)"
            ) from None
        once = {key: value for key, value in self.parameters.items() if key.endswith("max_num_timeout")}
        others = {key: value for key, value in {**DEFAULTS, **self.parameters}.items() if key not in once}
        try:
            executor = submitit.AutoExecutor(folder=str(folder), cluster=self.executor, **once)
            executor.update_parameters(**others)
        except (NameError, AssertionError, TypeError, ValueError, RuntimeError) as error:
            told = str(error).partition("\n")[0].partition(" Valid arguments")[0]
            raise ConfigError(f"{self.file}: executor {self.executor}: {told}") from error
        return executor


def read_cluster(path: str | Path) -> Cluster:
    """Read and check the file of a cluster.

    Raises:
        DatasetNotFoundError: There is no such file.
        ConfigError: A key, the executor or a parameter is none.
    """
    file = Path(path)
    if not file.is_file():
        raise DatasetNotFoundError(
            f"--cluster: file {str(path)!r} does not exist: write `executor: slurm` and its `parameters` into one"
        )
    content = menu.read_yaml(file)
    if not isinstance(content, Mapping) or set(content) - {"executor", "parameters"} or "executor" not in content:
        raise ConfigError(f"{file}: expected the keys `executor` ({', '.join(EXECUTORS)}) and `parameters`")
    executor, parameters = content["executor"], content.get("parameters") or {}
    if executor not in EXECUTORS:
        raise ConfigError(f"{file}: executor: {executor!r} is none: choose one of {', '.join(EXECUTORS)}")
    if not isinstance(parameters, Mapping) or not all(isinstance(key, str) for key in parameters):
        raise ConfigError(f"{file}: parameters: is no mapping of settings")
    for key, value in parameters.items():
        if key.removeprefix(f"{executor}_") in ONE and value != 1:
            raise ConfigError(f"{file}: parameters.{key}: a stage is one task on one node: leave it out")
    cluster = Cluster(file, executor, dict(parameters))
    with TemporaryDirectory() as folder:
        cluster.open(Path(folder))
    return cluster
