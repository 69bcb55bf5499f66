# Parley for GPU nodes: the code and its libraries, no weights (docs/decisions/0003-images-and-weights.md).
#   docker build -t parley-gpu .
#   docker run --gpus all --shm-size 1g -p 8000:8000 -v parley-weights:/cache \
#       -e TWILIO_AUTH_TOKEN -e HF_TOKEN parley-gpu
# KubeRay runs the same image with a command of its own (deploy/rayservice.yaml).

# The tag with the digest of its multi-architecture index. CUDA itself comes with torch's wheels; the
# node gives the driver. Python is the system's, since KubeRay starts Ray from a login shell, which
# sets PATH anew.
FROM python:3.11.14-slim-bookworm@sha256:65a93d69fa75478d554f4ad27c85c1e69fa184956261b4301ebaf6dbb0a3543d

# gcc: Triton compiles its launchers at run time. wget: KubeRay's own probes call it.
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc g++ libc6-dev wget \
    && rm -rf /var/lib/apt/lists/*

# Before the code, so that a change of the code does not install it all again.
COPY requirements/gpu.txt /tmp/gpu.txt
RUN pip install --no-cache-dir -r /tmp/gpu.txt && rm /tmp/gpu.txt

RUN groupadd --gid 10001 parley \
    && useradd --uid 10001 --gid parley --create-home parley \
    && install -d -o parley -g parley /cache

WORKDIR /app
COPY LICENSE NOTICE ./
COPY configs configs
COPY audio audio
COPY conversation conversation
COPY ingress ingress
COPY deployments deployments

# PYTHONPATH: Serve imports `deployments.app:build` in processes of its own.
# LD_LIBRARY_PATH: CTranslate2 loads libcublas.so.12, torch brings version 13 (requirements/gpu.txt).
# VLLM_USE_FLASHINFER_SAMPLER: FlashInfer would compile its sampler, and there is no nvcc here.
# NVIDIA_*: what the container runtime is to pass in.
ENV PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    HF_HOME=/cache/huggingface \
    LD_LIBRARY_PATH=/usr/local/lib/python3.11/site-packages/nvidia/cublas/lib \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    RAY_USAGE_STATS_ENABLED=0 \
    VLLM_USE_FLASHINFER_SAMPLER=0

USER 10001:10001
VOLUME /cache
EXPOSE 8000

# 200 once every model has answered; the first start fetches some 60 GB of weights.
HEALTHCHECK --interval=15s --timeout=10s --start-period=30m --retries=4 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/health', timeout=8)"]

CMD ["python", "-m", "deployments", "configs/gpu.yaml"]
