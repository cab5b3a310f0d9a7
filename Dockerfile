# Two images from one lock file. The base image is an argument, so that a mirror or a base of
# your own can stand in (Debian bookworm with python3, its venv and pip is enough):
#   docker build --target serving --build-arg BASE=python:3.11.11-slim-bookworm .
# Both run as user 10001 on a read-only root: they write to GATECAST_HOME, a volume, and /tmp.
# tini is PID 1: it hands signals on, and takes in the processes that others leave behind.
ARG BASE=python:3.11.11-slim-bookworm

FROM ${BASE} AS base
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 DO_NOT_TRACK=true ORT_DISABLE_TELEMETRY=1 GATECAST_HOME=/home/gatecast/var
RUN apt-get update -qq && apt-get install -qq --yes --no-install-recommends tini \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 10001 gatecast \
 && install --directory --owner gatecast --group gatecast /home/gatecast/var \
 && python3 -m venv /opt/gatecast
ENV PATH=/opt/gatecast/bin:$PATH
WORKDIR /srv
COPY requirements.lock pyproject.toml README.md LICENSE gatecast.py ./
RUN sed -n '/^uv==/,/[^\\]$/p' requirements.lock > /tmp/uv.txt \
 && pip install --no-cache-dir --require-hashes -r /tmp/uv.txt && rm /tmp/uv.txt
ENTRYPOINT ["tini", "-s", "-g", "--"]

# The API: the champions of a home folder that pipelines write; no torch, no MLflow.
FROM base AS serving
RUN uv pip install --no-cache --compile-bytecode --python /opt/gatecast/bin/python \
    -c requirements.lock cyclopts fastapi fastapi-offline filelock httptools jinja2 limits numpy \
    onnxruntime orjson prometheus-client "psycopg[binary]" pydantic pydantic-settings redis rich \
    urllib3 uvicorn uvloop
COPY forecasting ./forecasting
COPY serving ./serving
# Following the registry's aliases needs MLflow; here the published pointers are followed only.
ENV GATECAST_HEAL=false
USER 10001:10001
EXPOSE 8000
CMD ["python", "-m", "gatecast", "serve", "--host", "0.0.0.0", "--port", "8000"]

# Retraining, and the servers beside it: MLflow, Prefect, Dask.
FROM base AS pipelines
RUN pip install --no-cache-dir torch==2.13.0 \
 && uv pip install --no-cache --compile-bytecode --python /opt/gatecast/bin/python \
    -c requirements.lock -r pyproject.toml --extra postgres --extra s3 --extra dask --extra redis
COPY data_checks ./data_checks
COPY forecasting ./forecasting
COPY pipelines ./pipelines
COPY serving ./serving
COPY prefect.yaml ./
ENV PYTHONPATH=/srv
USER 10001:10001
CMD ["python", "-m", "gatecast", "schedule", "seattle"]
