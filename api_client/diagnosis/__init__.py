"""The error that a server reports, as an exception: `error_body` reads it, `rules` decides on its type."""
