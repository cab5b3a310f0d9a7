# Two images from one lock file. The base image is an argument, so that a mirror or a base of
# your own can stand in:  docker build --target serving --build-arg BASE=python:3.11-slim .
ARG BASE=python:3.11-slim

FROM ${BASE} AS base
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 DO_NOT_TRACK=true ORT_DISABLE_TELEMETRY=1 GATECAST_HOME=/home/gatecast/var
RUN useradd --create-home --uid 10001 gatecast && python3 -m venv /opt/gatecast
ENV PATH=/opt/gatecast/bin:$PATH
WORKDIR /srv
COPY requirements.lock pyproject.toml README.md LICENSE gatecast.py ./
RUN sed -n '/^uv==/,/[^\\]$/p' requirements.lock > /tmp/uv.txt \
 && pip install --no-cache-dir --require-hashes -r /tmp/uv.txt

# The API: the champions of a home folder that pipelines write; no torch, no MLflow.
FROM base AS serving
RUN uv pip install --no-cache --python /opt/gatecast/bin/python -c requirements.lock cyclopts \
    fastapi fastapi-offline filelock httptools jinja2 limits numpy onnxruntime prometheus-client \
    pydantic pydantic-settings redis rich urllib3 uvicorn uvloop
COPY forecasting ./forecasting
COPY serving ./serving
# Following the registry's aliases needs MLflow; here the published pointers are followed only.
ENV GATECAST_HEAL=false
USER gatecast
EXPOSE 8000
CMD ["python", "-m", "gatecast", "serve", "--host", "0.0.0.0", "--port", "8000"]

# Retraining: everything.
FROM base AS pipelines
RUN uv pip install --no-cache --python /opt/gatecast/bin/python --no-deps --require-hashes \
    -r requirements.lock && pip install --no-cache-dir torch==2.13.0
COPY data_checks ./data_checks
COPY forecasting ./forecasting
COPY pipelines ./pipelines
COPY serving ./serving
USER gatecast
CMD ["python", "-m", "gatecast", "schedule", "seattle"]
