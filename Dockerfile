# The worker and Flower. No tag is `latest`; packages are those of requirements/service.txt, each checked by its hash.
FROM python:3.12.12-slim-bookworm AS packages

COPY requirements/service.txt /requirements.txt
# The lock is complete, so --no-deps; and no sdist: building one would run code that no hash covers.
RUN python -m venv /opt/llamaq \
 && /opt/llamaq/bin/pip install --no-cache-dir --disable-pip-version-check \
      --require-hashes --no-deps --only-binary :all: -r /requirements.txt \
 && /opt/llamaq/bin/python -m compileall -q /opt/llamaq/lib \
 && /opt/llamaq/bin/pip uninstall -qy pip

FROM python:3.12.12-slim-bookworm

RUN groupadd --gid 10001 llamaq \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin llamaq
COPY --from=packages /opt/llamaq /opt/llamaq
WORKDIR /srv/llamaq
COPY llamaq llamaq
COPY api_client api_client
COPY tasks tasks
COPY worker worker
COPY ops/flower ops/flower
COPY ops/__init__.py ops/__init__.py
# While it can be written: at run time the root file system is read-only, and each start would compile all of it again.
RUN python -m compileall -q .

# By number: Kubernetes' runAsNonRoot cannot look names up.
USER 10001:10001
ENV PATH=/opt/llamaq/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    LLAMAQ_LIVENESS_FILE=/run/llamaq/alive
STOPSIGNAL SIGTERM
# The file is touched by what the worker hears through its own queue; 20 ms, where `celery inspect ping` takes 700.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=2 \
  CMD ["python", "-m", "worker.liveness_probe", "/run/llamaq/alive"]
CMD ["python", "-m", "worker"]
