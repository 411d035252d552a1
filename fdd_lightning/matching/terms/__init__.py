"""Terms: what a method adds to the matching loss."""

from fdd_lightning.matching.terms.base import Matched, Term
from fdd_lightning.matching.terms.class_aware import ClassAware
from fdd_lightning.matching.terms.discrimination import Discrimination

__all__ = ["ClassAware", "Discrimination", "Matched", "Term"]
