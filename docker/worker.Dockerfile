# syntax=docker/dockerfile:1
# One image for every service of compose.yaml but PostgreSQL: Prefect server, worker, Dask and the emulator.
# Build from the repository's root: docker build -f docker/worker.Dockerfile -t geomeld-build:local .
FROM python:3.11.13-slim-bookworm

# GDAL inside rasterio's wheel loads the system's libexpat, which slim images lack; tini forwards signals to the worker
# and reaps what its flow processes leave behind. Debian removes old package versions, so pinning them breaks builds.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libexpat1 tini \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /src
COPY constraints/ constraints/
COPY pyproject.toml README.md LICENSE ./
COPY geomeld_build/ geomeld_build/
COPY flows/ flows/
# Without extras: no torch in a worker. The constraints fix every version.
RUN --mount=type=cache,target=/root/.cache/pip pip install --no-compile -c constraints/py311.txt .

RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin geomeld \
    && install -d -o geomeld -g geomeld /data
COPY --chmod=755 docker/entrypoint.sh /usr/local/bin/geomeld-entrypoint

ENV PYTHONUNBUFFERED=1 \
    PREFECT_HOME=/home/geomeld/.prefect \
    PREFECT_SERVER_ANALYTICS_ENABLED=false \
    DO_NOT_TRACK=1 \
    PREFECT_WORKER_WEBSERVER_HOST=127.0.0.1 \
    GEOMELD_WORKDIR=/data
WORKDIR /data
USER 10001:10001

HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/health', timeout=3)"]
ENTRYPOINT ["tini", "--", "geomeld-entrypoint"]
CMD ["prefect", "worker", "start", "--pool", "geomeld", "--type", "process", "--install-policy", "never", "--with-healthcheck"]
