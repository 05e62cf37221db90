"""The routes, and what runs beside them."""

from fastapi import APIRouter

from gateway.batches import batch_routes, file_routes
from gateway.batches.runner import lifespan

router = APIRouter(lifespan=lifespan)
router.include_router(file_routes.router)
router.include_router(batch_routes.router)
