"""Accusation rates by grid: whether some neighbourhoods are accused more than others by more than chance.

The verdict's priors hang on the kind of a zone, never on where in the city it lies. This room checks what comes out of
that: reports on each kilometre looked at, grid by grid.
"""
