"""Where a model's files lie: a folder on this machine, or a model hub's id."""

from pathlib import Path


def local_folder(model: str) -> Path | None:
    """The folder that `model` names, or None when it is a model hub's id. Raises FileNotFoundError
    for what looks like a path but is no folder, rather than asking a hub for it."""
    path = Path(model).expanduser()
    if path.is_dir():
        return path.resolve()
    if model.startswith((".", "/", "~")) or model.count("/") != 1:
        raise FileNotFoundError(
            f"{path.absolute()} is no folder: prepare the weights (see README), or give model: "
            "a folder or a model hub's id such as owner/name"
        )
    return None
