"""Times in queries and forms."""

from datetime import UTC, datetime

from llamaq.settings.numerals import is_numeral
from llamaq.vocabulary.errors import InvalidRequest


def parse_time(field: str, text: str | None) -> datetime | None:
    """Parse a time: Unix seconds, or ISO 8601, which is in UTC without a zone. None stays None.

    Raises:
        InvalidRequest: it is no time; the error names the field.
    """
    if text is None:
        return None
    try:
        if is_numeral(text):
            return datetime.fromtimestamp(float(text), UTC)
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        what = "must be Unix seconds, or a time such as 2026-01-31T12:00:00Z, in UTC where it names no zone"
        raise InvalidRequest.of(field, what) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
