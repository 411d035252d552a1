"""Recipes: read, planned and carried out."""
