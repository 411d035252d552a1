"""``fdd audit``: what a data set's own images and labels say of a bias, before anything is trained."""
