"""The subject, checked.

Each claim about hyperparameter tuning, batch normalisation and softmax, run, measured and drawn.

    make claims                            # all of them, in less than ten minutes on two cores
    make claims ARGS="--only 2.8"          # one of them
    python -m recipes.claims.covariate_shift --help

A check says what was measured, over several seeds, beside what mathematics or the source lets one
expect. It holds (yes) where the whole interval lies within the expectation, and does not (no) where
all of it lies outside; otherwise these seeds cannot tell. Where several conditions were measured,
those are named under which it holds. Nothing was tuned to make a check hold: what the procedure
came to is what stands here. `make pictures` writes this text anew, tables and pictures included.
"""
