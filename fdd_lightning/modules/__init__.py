"""Lightning modules of the stages; our own kinds of fit are imported, and so known, with any of them."""

import fdd_lightning.modules.supcon  # isort: skip
import fdd_lightning.modules.experts  # isort: skip
import fdd_lightning.modules.classifier  # noqa: F401 # isort: skip
