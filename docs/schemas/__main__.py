"""Writes the schemas, and takes away those of shapes that are no more."""

from docs.schemas import HERE, all_of_them


def main() -> None:
    """Make the folder equal to the models."""
    texts = all_of_them()
    for name, text in texts.items():
        path = HERE / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    for path in HERE.rglob("*.json"):
        if path.relative_to(HERE).as_posix() not in texts:
            path.unlink()


if __name__ == "__main__":
    main()
