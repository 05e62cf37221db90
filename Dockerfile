# The image of the worker, the gateway and Flower. Base images are pinned; pip checks each package of requirements/service.txt by its hash.
FROM python:3.12.12-slim-bookworm AS packages

COPY requirements/service.txt /requirements.txt
# --no-deps: the lock file is complete. --only-binary: building an sdist would run code that no hash covers.
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
COPY ollama_api ollama_api
COPY tasks tasks
COPY worker worker
COPY gateway gateway
COPY ops/flower ops/flower
COPY ops/__init__.py ops/__init__.py
# A checkout that was made under a strict umask may be read by its owner alone; the user below is another one.
# Compile now: at run time the root file system is read-only, so each start would compile everything again.
RUN chmod -R a+rX . && python -m compileall -q .

# A number, because Kubernetes' runAsNonRoot cannot resolve names.
USER 10001:10001
ENV PATH=/opt/llamaq/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    LLAMAQ_LIVENESS_FILE=/run/llamaq/alive
STOPSIGNAL SIGTERM
# The worker touches the file when it consumes its own heartbeat. The check takes 20 ms; `celery inspect ping` takes 700 ms.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=2 \
  CMD ["python", "-m", "worker.liveness_probe", "/run/llamaq/alive"]
CMD ["python", "-m", "worker"]
