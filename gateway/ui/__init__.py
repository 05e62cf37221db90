"""The operator's page, under `/ui`: pages that the server renders, for keys that are `admin`."""

from fastapi import APIRouter

from gateway.ui import actions, bulk, charts, job_pages, live, pages, sign_in
from gateway.ui.failures import is_page, render_failure
from gateway.ui.session import SignInNeeded
from gateway.ui.watch import Watch

router = APIRouter(include_in_schema=False)
for part in (sign_in, pages, live, actions, bulk, job_pages, charts):
    router.include_router(part.router)

__all__ = ["SignInNeeded", "Watch", "is_page", "render_failure", "router"]
