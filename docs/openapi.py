"""The OpenAPI document of the gateway's jobs API, as it serves it: `python3 run.py generate` writes it."""

import json
from pathlib import Path

from gateway.app import create_app
from gateway.settings import GatewayVariables

PAGE = Path(__file__).with_name("openapi.json")


def render_page() -> str:
    """Render the document, for generators of clients."""
    return json.dumps(create_app(GatewayVariables(), None).openapi(), indent=2, ensure_ascii=False) + "\n"
