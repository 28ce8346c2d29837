"""What the babysitter does by itself: after trouble, at a plateau, on advice."""

from tuning.panda.advice import advise
from tuning.panda.fork import fork_and_look
from tuning.panda.journal import ADVICE, FORK, GUARD, RANGE_TEST
from tuning.panda.knobs import NUMBERS, as_text
from tuning.panda.learning_rate_range import find_learning_rate
from tuning.stacked.errors import NotStackable

FORK_FACTORS = (0.1, 0.3, 1.0, 3.0)
FORK_STEPS = 200
STANDSTILLS = ("plateau", "oscillation")
"""Symptoms that a fork is tried against."""
EPOCHS_TO_SHOW = 5
"""Epochs that a change has to show what it does before advice is acted on again."""


def after_trouble(training, trouble):
    """What is done when the guard sees trouble.

    The training goes back to the last good snapshot with a smaller learning rate, `retries` times.
    With `auto` it then goes back to where the trouble began, to a rate that a range test suggests,
    and may cut that one as often. Then it stops.

    Args:
        training: `Babysitter`.
        trouble: What is wrong, in words.

    Returns:
        An `Entry`.
    """
    rules, rate, tried = training.rules, training.knobs["learning_rate"], training.retries
    if rules.auto and tried == rules.retries:
        training.haven.restore(training.program)
        why = f"{trouble}; cutting {tried} times did not help"
        if entry := range_test(training, why, training.haven.step):
            return entry
    if tried <= (2 * rules.retries if rules.auto else rules.retries - 1):
        back_to, smaller = training.good.step, rate * rules.cut
        what = f"back to step {back_to}, learning_rate {as_text(rate)} -> {as_text(smaller)}"
        return training.entry(GUARD, what, trouble, {"learning_rate": smaller}, back_to=back_to)
    what = f"stopped: going back {tried} times did not help"
    return training.entry(GUARD, what, trouble, back_to=training.good.step, stop=True)


def range_test(training, why, back_to=None):
    """Finds a learning rate for the model as it is.

    Args:
        training: `Babysitter`.
        why: Why now.
        back_to: Step of the snapshot that the model has just been put back to, if it was.

    Returns:
        An `Entry`; None if there is none.
    """
    program, batch_size = training.program, training.knobs["batch_size"]
    training.say("trying learning rates out ...")
    x, y, *weights = program.data.arrays
    weight = weights[0] if weights else None
    try:
        found = find_learning_rate(program.model, x, y, sample_weight=weight, batch_size=batch_size)
    except ValueError as error:
        training.say(f"no learning rate was found: {error}")
        return None
    rate = training.knobs["learning_rate"]
    what = f"learning_rate {as_text(rate)} -> {as_text(found.suggested)}"
    what = what if back_to is None else f"back to step {back_to}, {what}"
    reason = f"{why}: {found.reason}"
    training.draw(f"range-test-{training.step}", found)
    knobs = {"learning_rate": found.suggested}
    return training.entry(RANGE_TEST, what, reason, knobs, back_to=back_to)


def advised(training):
    """What the curves suggest; it is told, and with `auto` acted on.

    Args:
        training: `Babysitter`.

    Returns:
        An `Entry`, or None.
    """
    rows = training.course.rows
    advice = advise({name: [row[name] for row in rows] for name in rows[-1]})
    told, training.advice = training.advice, " ".join(each.sentence for each in advice)
    if training.advice and training.advice != told:
        training.say(f"advice: {training.advice}")
    if len(rows) - training.course.rows_before_change < EPOCHS_TO_SHOW:
        return None
    entries = (_taken(training, each) for each in advice)
    return next((entry for entry in entries if entry), None)


def _taken(training, advice):
    rules = training.rules
    may_fork = training.forks < (rules.forks if rules.auto else rules.fork)
    if advice.symptom in STANDSTILLS and may_fork and (entry := _fork_entry(training, advice)):
        return entry
    if not rules.auto or advice.knob is None:
        return None
    if advice.knob == "stop":
        return training.entry(ADVICE, "stopped", advice.sentence, stop=True)
    if advice.knob not in training.knobs:
        return None
    before = training.knobs[advice.knob]
    after = before * advice.factor
    after = max(1, round(after)) if advice.knob == "batch_size" else after
    if after == before or not NUMBERS[advice.knob].allows(after):
        return None
    what = f"{advice.knob} {as_text(before)} -> {as_text(after)}"
    return training.entry(ADVICE, what, advice.sentence, {advice.knob: after})


def _fork_entry(training, advice):
    rate = training.knobs["learning_rate"]
    arguments = {
        "variations": [{"learning_rate": rate * factor} for factor in FORK_FACTORS],
        "steps": FORK_STEPS,
        "batch_size": training.knobs["batch_size"],
        "seed": training.seed,
    }
    training.say("trying four learning rates side by side ...")
    try:
        look = training.look = _look(training, arguments)
        objection = None if look.winner is not None else look.sentence
    except (ValueError, NotStackable) as error:
        objection = error
    if objection:
        training.say(f"no fork: {objection}")
        training.forks += 1  # another would end like this one
        return None
    arguments["winner"] = look.winner
    winner = arguments["variations"][look.winner]
    after = winner["learning_rate"]
    what = f"learning_rate {as_text(rate)} -> {as_text(after)}" if after != rate else "as it was"
    why = f"{advice.sentence} {look.sentence}"
    training.draw(f"fork-{training.step}", look)
    return training.entry(FORK, what, why, winner, fork=arguments)


def fork(training, arguments):
    """Goes on with the winner of a fork.

    Args:
        training: `Babysitter`.
        arguments: `Entry.fork`.
    """
    look = training.look or _look(training, arguments)
    training.look = None
    look.adopt(training.program.model, arguments["winner"])
    training.forks += 1


def _look(training, arguments):
    program, arguments = training.program, dict(arguments)
    arguments.pop("winner", None)
    validation = program.validation
    return fork_and_look(
        program.model,
        program.data.features,
        program.data.labels,
        validation=validation and validation.first(validation.examples),
        **arguments,
    )
