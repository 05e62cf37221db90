"""Declares the settings of Flower's configuration, and reads them."""

from pydantic import BaseModel

from llamaq.settings.declaration import setting


class FlowerSettings(BaseModel):
    """Each field is the variable `LLAMAQ_<NAME>`; an empty one counts as not set."""

    flower_password_file: str = setting(
        "", "file with the password of Flower's login; without it Flower does not start", values="a path"
    )
    flower_user: str = setting("llamaq", "user name of that login", values="a name without a colon", pattern="^[^:]+$")
