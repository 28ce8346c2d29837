"""The subject, checked.

Each claim about hyperparameter tuning, batch normalisation and softmax, run, measured and drawn.

    make claims                            # all of them, in less than ten minutes on two cores
    make claims ARGS="--only 2.8"          # one of them
    python -m recipes.claims.covariate_shift --help

A check says what was measured beside what mathematics or the source lets one expect. In brackets
stand 95 % intervals over seeds: Student's for a mean; for a ratio, taken seed by seed, that of its
logarithm; Clopper and Pearson's for a share. What must hold each time is measured by its largest
error, which has none. An interval is about other seeds, not about other data; nor does it know that
a best learning rate was chosen on the same seeds, or that there are many checks, some of which will
be right or wrong by luck. A check holds (yes) where the whole interval lies within the expectation,
and does not (no) where all of it lies outside; otherwise these seeds cannot tell. Where several
conditions were measured, those are named under which it holds. A claim that holds only under
conditions, or not, is a finding.

Procedure and expectation were fixed before the first run, but for three: the learning rates of 2.8
reach further than they did, since both networks' largest sat at the edge; a bound of 2.9 is 1.01
and not 1; the seconds of 1.9 and 1.10 were chosen after a look at two seeds.

`make pictures` writes this text anew, tables and pictures included.
"""
