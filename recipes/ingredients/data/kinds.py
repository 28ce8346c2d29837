"""Which of the four kinds of data a name or a path stands for."""

from pathlib import Path

from recipes.ingredients.errors import BadInput, did_you_mean, quoted

SHIPPED = ("digits", "wine", "breast_cancer", "iris")
DOWNLOADED = ("mnist", "fashion_mnist", "cifar10")
NAMES = (*SHIPPED, *DOWNLOADED)
FILES = (".csv", ".npz")


def kind_of(data: str, setting: str = "data", suffixes: tuple = FILES) -> str:
    """Tells the kind of data: `"name"`, `"folder"`, or a file's suffix, such as `"csv"`.

    A data set's name comes first; a folder that bears the same name is meant by `./name`.

    Args:
        data: what was given.
        setting: what a message calls it.
        suffixes: those of the files that it may be.

    Raises:
        BadInput: if it is none of them, or a file that does not exist.
    """
    if data in NAMES:
        return "name"
    path = Path(data)
    try:
        if path.is_dir():
            return "folder"
        exists = path.is_file()
    except (OSError, ValueError):  # a path too long for the system, or with a NUL in it
        exists = False
    suffix = path.suffix.lower()
    if suffix in suffixes:
        if not exists:
            raise BadInput(f"{quoted(data)} must be an existing file; there is no such file.")
        return suffix[1:]
    problem = "a file that is none of these" if exists else "no such data set or path"
    images = "a folder of images" if suffixes == FILES else "an image, a folder of images"
    raise BadInput(
        f"{setting} must be one of {', '.join(NAMES)}, {images}, a .csv or a .npz. "
        f"Received: {setting}={quoted(data)}, {problem}.{did_you_mean(data, NAMES)}"
    )
