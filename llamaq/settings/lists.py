"""Settings that are lists: `a, b`."""


def parse_list(text: str) -> list[str]:
    """Split a list that is joined by commas, and strip the blanks around its members; empty places do not matter.

    Raises:
        ValueError: it has only empty places, which would count as a setting that is not made; or a blank in a member.
    """
    found = [part.strip() for part in text.split(",") if part.strip()]
    if text and not found:
        raise ValueError("has no member: leave the setting out, or name one")
    for part in found:
        if any(letter.isspace() for letter in part):
            raise ValueError(f"{part[:80]!r} has a blank in it: members are separated by commas")
    return found
