"""Pages for people: one HTML file that needs nothing else, made of parts; those of all commands look alike."""
