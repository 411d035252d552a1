"""Matching real and synthetic images: the one equation and the choices that it is made of."""
