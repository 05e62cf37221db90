"""Declares the settings of Flower's configuration, and reads them."""

from pydantic_settings import BaseSettings, SettingsConfigDict

from llamaq.settings.declaration import PREFIX, setting


class FlowerSettings(BaseSettings):
    """Each field is the variable `LLAMAQ_<NAME>`; an empty one counts as not set."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="ignore")

    flower_password_file: str = setting(
        "", "file with the password of Flower's login; without it Flower does not start", values="a path"
    )
    flower_user: str = setting("llamaq", "user name of that login", values="a name")
