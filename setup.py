"""Which folders are installed; everything else is in setup.cfg, which cannot say this.

The menu ``configs/`` lies at the top level, where users read it, and is installed inside the package.
"""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["fdd_lightning*"]), "fdd_lightning.configs"],
    package_dir={"fdd_lightning.configs": "configs"},
)
