"""Modules of the stages: SupCon, the Distiller and the Evaluator."""
