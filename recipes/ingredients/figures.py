"""Pictures of a training: its curves, its confusion matrix, its worst mistakes."""

import numpy as np
from matplotlib.figure import Figure

from tuning.pictures import plain_numbers

MOST_NUMBERED_CLASSES = 20
MISTAKES = 12


def training_figure(rows, evaluation, class_names, images):
    """Draws curves, confusion matrix and worst mistakes on one page.

    Args:
        rows: One dict an epoch with `epoch, loss, accuracy, validation_loss, validation_accuracy`.
        evaluation: `Evaluation` of the test part.
        class_names: Name of each class.
        images: `(examples, height, width[, channels])` of the test part, or None.

    Returns:
        A `matplotlib.figure.Figure`, and its parts by the names that TensorBoard shows them under:
        `{"confusion_matrix": Axes}`, and `worst_mistakes` if there are images of any.
    """
    mistakes = len(evaluation.worst_mistakes(MISTAKES)) if images is not None else 0
    height = 4.6 if not mistakes else 7 if mistakes <= MISTAKES // 2 else 9
    figure = Figure(figsize=(13, height), layout="constrained")
    parts = figure.subfigures(2, 1, height_ratios=(4.6, height - 4.6)) if mistakes else (figure,)
    top = parts[0]
    loss, accuracy, confusion = top.subplots(1, 3)
    draw_curves(loss, rows, "loss", "cross-entropy [nats]")
    draw_curves(accuracy, rows, "accuracy", "accuracy")
    draw_confusion(confusion, evaluation, class_names)
    shown = {"confusion_matrix": confusion}
    if mistakes:
        draw_mistakes(parts[1], evaluation, class_names, images)
        shown["worst_mistakes"] = parts[1]
    return figure, shown


def draw_curves(axes, rows, name, label):
    """Draws one quantity by epoch, of the training part and of the validation part."""
    epochs = [row["epoch"] for row in rows]
    marker = "o" if len(rows) == 1 else None
    for part, key in (("training", name), ("validation", f"validation_{name}")):
        axes.plot(epochs, [row[key] for row in rows], label=part, marker=marker)
    axes.set(xlabel="epoch", ylabel=label, title=name.capitalize())
    values = [value for row in rows for value in (row[name], row[f"validation_{name}"])]
    if name == "loss" and min(values) > 0 and max(values) > 10 * min(values):
        axes.set_yscale("log")
        plain_numbers(axes.yaxis)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    axes.legend()


def draw_confusion(axes, evaluation, class_names):
    """Draws the confusion matrix: rows are true classes, columns predicted ones."""
    counts = evaluation.confusion
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set(xlabel="predicted", ylabel="true", title=f"Test accuracy {evaluation.accuracy:.4f}")
    if len(class_names) > MOST_NUMBERED_CLASSES:
        axes.set(xlabel="predicted class number", ylabel="true class number")
        return
    names = [shortened(name) for name in class_names]
    size = 10 if len(names) <= 10 else 7
    turned = {"rotation": 90} if max(map(len, names)) > 2 else {}
    axes.set_xticks(range(len(names)), names, fontsize=size, **turned)
    axes.set_yticks(range(len(names)), names, fontsize=size)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=7)


def draw_mistakes(figure, evaluation, class_names, images):
    """Draws the wrongly classified images whose true class seemed least probable."""
    worst = evaluation.worst_mistakes(MISTAKES)
    figure.suptitle("Worst mistakes on the test part")
    panels = np.ravel(figure.subplots(2 if len(worst) > MISTAKES // 2 else 1, MISTAKES // 2))
    for panel in panels:
        panel.axis("off")
    for panel, index in zip(panels, worst, strict=False):
        panel.imshow(as_picture(images[index]), cmap="gray")
        label, guess = evaluation.labels[index], evaluation.predictions[index]
        title = f"true: {shortened(class_names[label])}\npredicted: {shortened(class_names[guess])}"
        panel.set_title(title, fontsize=8)
        panel.text(
            *(0.5, -0.05, f"probability {evaluation.probabilities[index, guess]:.2f}"),
            transform=panel.transAxes,
            ha="center",
            va="top",
            fontsize=8,
        )


def as_picture(image):
    """An image of any range as matplotlib draws it: `(height, width)` or `(height, width, 3)`."""
    image = np.asarray(image, np.float32)
    image = image[..., 0] if image.ndim == 3 and image.shape[-1] != 3 else image
    low, high = image.min(), image.max()
    return (image - low) / (high - low) if high > low else np.zeros_like(image)


def shortened(name, most=16):
    """A class name that fits beside others: one line, its middle left out if it is long."""
    name = " ".join(name.split())
    name = name if len(name) <= most else f"{name[: most // 2]}…{name[-(most // 2 - 1) :]}"
    return name.replace("$", r"\$")  # else matplotlib reads mathematics
