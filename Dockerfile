# Two variants of one image: `--build-arg VARIANT=cpu` (the default) and `VARIANT=cuda`, which differ in torch's build.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS packages
ARG VARIANT=cpu
ARG TORCH_INDEX_CPU=https://download.pytorch.org/whl/cpu
ARG TORCH_INDEX_CUDA=https://download.pytorch.org/whl/cu130
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
COPY requirements.txt /tmp/requirements.txt
# torch first, from the index of its variant and in exactly the version that the requirements pin
RUN index=$([ "$VARIANT" = cuda ] && echo "$TORCH_INDEX_CUDA" || echo "$TORCH_INDEX_CPU") \
    && pip install --index-url "$index" "$(grep '^torch==' /tmp/requirements.txt)" \
    && pip install -r /tmp/requirements.txt

FROM ${PYTHON_IMAGE} AS kefu
ARG VARIANT=cpu
LABEL org.opencontainers.image.title="kefu" org.opencontainers.image.licenses="Apache-2.0" kefu.variant="${VARIANT}"
# the engine compiles its kernels for the processor that it finds itself on
RUN apt-get update && apt-get install -y --no-install-recommends g++ && rm -rf /var/lib/apt/lists/*
RUN groupadd --gid 10001 kefu \
    && useradd --uid 10001 --gid kefu --no-create-home --home-dir /var/lib/kefu kefu \
    && install -d -o kefu -g kefu -m 0700 /var/lib/kefu
COPY --from=packages /opt/venv /opt/venv
WORKDIR /srv/kefu
COPY manage.py LICENSE ./
COPY chatbot chatbot
COPY webui webui
COPY workers workers
ENV PATH=/opt/venv/bin:$PATH \
    DJANGO_SETTINGS_MODULE=chatbot.settings \
    KEFU_HOME=/var/lib/kefu \
    HOST=0.0.0.0 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    CELERY_SKIP_CHECKS=1 \
    MALLOC_ARENA_MAX=2 \
    OMP_WAIT_POLICY=passive \
    TOKENIZERS_PARALLELISM=false \
    HF_HUB_OFFLINE=1
USER kefu
VOLUME /var/lib/kefu
EXPOSE 8000
STOPSIGNAL SIGTERM
# Alone, the image is the whole site under the supervisor; docker-compose.yml runs its parts apart.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ.get(\"PORT\", 8000)}/readyz', timeout=2)"]
CMD ["python", "manage.py", "up"]
