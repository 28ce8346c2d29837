"""The weights of a model as a file of Keras's, written whole or not at all."""

import io

from keras.src.saving import saving_lib

from tuning.files import write_atomically


def save(path, model):
    """Writes what `model.load_weights` reads, atomically.

    Keras's own `save_weights` lets HDF5 write to the disk, and where that is full HDF5 may take the
    process down; here it writes to memory.

    Args:
        path: File to write (`.weights.h5`).
        model: Built Keras model.

    Raises:
        OSError: The disk is full or the folder cannot be written; the old file is left as it was.
    """
    content = io.BytesIO()
    store = saving_lib.H5IOStore(content, mode="w")
    saving_lib._save_state(
        model, weights_store=store, assets_store=None, inner_path="", visited_saveables=set()
    )
    store.close()
    write_atomically(path, content.getvalue())
