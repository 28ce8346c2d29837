"""Images: a folder with a subfolder for each class."""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from recipes.ingredients.data.source import Examples, Source, name_classes
from recipes.ingredients.errors import BadInput, quoted, readable

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")


def read_folder(folder: Path, image_size: int) -> Source:
    """Reads images to learn from; a subfolder's name is the class of the images in it.

    Images are turned upright as their EXIF data say, laid on white where transparent and resized
    to a square with antialiasing. They are grey, with one channel, if all of them are.

    Args:
        folder: the folder of subfolders.
        image_size: side in pixels.

    Raises:
        BadInput: if the layout is another, or an image cannot be read.
    """
    subfolders = [path for path in _visible(folder) if path.is_dir()]
    loose = [path for path in _visible(folder) if not path.is_dir()]
    paths, labels, other = [], [], loose
    for subfolder in subfolders:
        images = [path for path in _visible(subfolder) if _is_image(path)]
        other.extend(path for path in _visible(subfolder) if not _is_image(path))
        paths.extend(images)
        labels.extend([readable(subfolder.name)] * len(images))
    if not paths:
        received = "no images in any subfolder"
        if any(_is_image(path) for path in loose):
            received = "images, but none in a subfolder"
        raise BadInput(
            f"{folder} must have a subfolder for each class, with its images in it: "
            f"{', '.join(SUFFIXES)}. Received: {received}."
        )
    numbers, class_names = name_classes(labels, f"the subfolders of {folder}")
    notes = [
        f"subfolder {quoted(name)} has no images and is left out"
        for name in (readable(path.name) for path in subfolders)
        if name not in class_names
    ]
    if other:
        first = readable(str(other[0].relative_to(folder)))
        notes.append(
            f"{len(other)} other files and folders are left out, the first is {first}"
            if len(other) > 1
            else f"{first} is no image and is left out"
        )
    x = read_images(paths, image_size, image_size, channels=3)
    if (x == x[..., :1]).all():
        x = x[..., :1]
    name = readable(folder.resolve().name)
    return Source(name, Examples(x, numbers), class_names, notes=tuple(notes))


def find_images(folder: Path) -> list[Path]:
    """All images below a folder, at any depth, in the order of their paths.

    Raises:
        BadInput: if there is none.
    """
    paths = [
        path
        for path in sorted(folder.rglob("*"))
        if _is_image(path)
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    if not paths:
        raise BadInput(f"{folder} must hold images: {', '.join(SUFFIXES)}. Received: none.")
    return paths


def read_images(paths: list[Path], height: int, width: int, channels: int) -> np.ndarray:
    """Images as uint8, `(images, height, width, channels)`, with 1 (grey) or 3 channels.

    Raises:
        BadInput: if one cannot be read.
    """
    images = np.empty((len(paths), height, width, channels), np.uint8)
    for place, path in enumerate(paths):
        images[place] = _read(path, height, width, channels)
    return images


def _read(path, height, width, channels):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd metadata is no concern of the pixels
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                upright = _eight_bits(ImageOps.exif_transpose(image))
                plain = _on_white(upright).convert("L" if channels == 1 else "RGB")
                resized = plain.resize((width, height), Image.Resampling.BILINEAR)
    except Exception as error:  # a broken image raises nearly anything, by format
        raise BadInput(
            f"{path} must be a readable image. "
            f"Received: {type(error).__name__}, {str(error).rstrip('.') or 'no more is known'}."
        ) from error
    return np.asarray(resized, np.uint8).reshape(height, width, channels)


def _eight_bits(image):
    """Images of 16 bits a pixel, which `convert` would cut off at 255 instead of scaling."""
    if not image.mode.startswith("I"):
        return image
    return Image.fromarray((np.asarray(image).clip(0, 65535) // 257).astype(np.uint8))


def _on_white(image):
    if not image.has_transparency_data:
        return image
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image)


def _visible(folder):
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise BadInput(
            f"{folder} must be a readable folder. Received: {error.strerror}."
        ) from error


def _is_image(path):
    return path.suffix.lower() in SUFFIXES and path.is_file()
