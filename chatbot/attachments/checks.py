"""What a file really is, by its content, and the copy of it that is safe to keep. Knows no database and no HTTP.

Images are decoded and written anew, so nothing but pixels survives: no EXIF (where it was taken), no comments, nothing
hidden behind the end. A file that is two things at once (a picture with a program behind it) is refused.
"""

import io
import re
import warnings
from dataclasses import dataclass

from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

MAX_PIXELS = 40_000_000  # of one frame: what a phone takes; decoded, 4 bytes each
MAX_FRAMES = 240
MAX_FRAME_PIXELS = 80_000_000  # of all frames of an animation together
THUMBNAIL_PX = 480
_FORMATS = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif"}
_HIDDEN = re.compile(rb"%PDF-|PK\x03\x04|<script|<html|<\?php|MZ\x90|\x7fELF|Rar!|7z\xbc\xaf", re.IGNORECASE)


class FileRefusedError(ValueError):
    """A file that isn't taken. `code`: `empty`, `too_large`, `wrong_type`, `broken`, `too_many_pixels`, `mixed`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, kw_only=True)
class CheckedFile:
    """What is kept: `content` as rewritten, and a small picture of an image."""

    content: bytes
    content_type: str
    width: int = 0
    height: int = 0
    thumbnail: bytes | None = None


def check_file(content: bytes, *, max_bytes: int) -> CheckedFile:
    """The safe copy of a PNG, JPEG, WebP, GIF or PDF. Raises FileRefusedError."""
    if not content:
        raise FileRefusedError("empty")
    if len(content) > max_bytes:
        raise FileRefusedError("too_large")
    if content[:1024].lstrip(b"\xef\xbb\xbf\x00\t\r\n ").startswith(b"%PDF-"):
        return _check_pdf(content)
    return _check_image(content)


def _check_pdf(content: bytes) -> CheckedFile:
    """Header at the first byte, a cross-reference where the trailer says, and nothing behind the end."""
    if not re.match(rb"%PDF-[12]\.\d", content):
        raise FileRefusedError("broken")
    end = re.search(rb"startxref\s+(\d+)\s+%%EOF", content[-2048:])
    if end is None:
        raise FileRefusedError("broken")
    last_end = content.rfind(b"%%EOF") + 5
    if content[last_end:].strip(b"\x00\t\r\n "):
        raise FileRefusedError("mixed")
    starts = [int(number) for number in re.findall(rb"startxref\s+(\d+)\s+%%EOF", content[-2048:])]
    at = content[starts[-1] : starts[-1] + 64].lstrip()
    if starts[-1] >= len(content) or not re.match(rb"xref\b|\d+\s+\d+\s+obj\b", at) or b"/Root" not in content:
        raise FileRefusedError("broken")
    return CheckedFile(content=content, content_type="application/pdf")


def _check_image(content: bytes) -> CheckedFile:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=list(_FORMATS)) as image:
                return _rewritten(image, content)
    except UnidentifiedImageError:
        raise FileRefusedError("wrong_type") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise FileRefusedError("too_many_pixels") from None
    except FileRefusedError:
        raise
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, MemoryError, OverflowError):
        raise FileRefusedError("broken") from None  # what Pillow raises for cut or forged files


def _rewritten(image: Image.Image, content: bytes) -> CheckedFile:
    kind = str(image.format)
    if image.width * image.height > MAX_PIXELS:  # known from the header, before anything is decoded
        raise FileRefusedError("too_many_pixels")
    if _HIDDEN.search(content[_end_of(kind, content) :]):
        raise FileRefusedError("mixed")
    num_frames = getattr(image, "n_frames", 1)
    if num_frames > 1:
        return _rewritten_animation(image, kind, num_frames)
    image.load()
    upright = ImageOps.exif_transpose(image)
    return _as_file(_plain(upright, kind), kind)


def _rewritten_animation(image: Image.Image, kind: str, num_frames: int) -> CheckedFile:
    if num_frames > MAX_FRAMES or num_frames * image.width * image.height > MAX_FRAME_PIXELS:
        raise FileRefusedError("too_many_pixels")
    if kind not in ("GIF", "WEBP"):
        image.seek(0)
        return _as_file(_plain(image, kind), kind)
    frames, durations = [], []
    for frame in ImageSequence.Iterator(image):
        frames.append(frame.convert("RGBA"))
        durations.append(int(frame.info.get("duration", 100)) or 100)
    output = io.BytesIO()
    options = {"disposal": 2} if kind == "GIF" else {}
    frames[0].save(output, kind, save_all=True, append_images=frames[1:], duration=durations, loop=0, **options)
    return CheckedFile(
        content=output.getvalue(),
        content_type=_FORMATS[kind],
        width=image.width,
        height=image.height,
        thumbnail=_thumbnail(frames[0]),
    )


def _as_file(image: Image.Image, kind: str) -> CheckedFile:
    output = io.BytesIO()
    options = {"JPEG": {"quality": 90, "optimize": True}, "WEBP": {"quality": 90}}.get(kind, {})
    image.save(output, kind, **options)
    return CheckedFile(
        content=output.getvalue(),
        content_type=_FORMATS[kind],
        width=image.width,
        height=image.height,
        thumbnail=_thumbnail(image),
    )


def _plain(image: Image.Image, kind: str) -> Image.Image:
    """The pixels alone, in a mode that the format has; nothing of `info` goes with them."""
    if kind == "JPEG":
        mode = "L" if image.mode == "L" else "RGB"
    else:
        mode = "RGBA" if "A" in image.getbands() or "transparency" in image.info else "RGB"
    converted = image.convert(mode)
    plain = Image.new(mode, converted.size)
    plain.paste(converted)
    return plain


def _thumbnail(image: Image.Image) -> bytes:
    small = image.convert("RGBA" if "A" in image.getbands() else "RGB")
    small.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    output = io.BytesIO()
    small.save(output, "WEBP", quality=80)
    return output.getvalue()


def _end_of(kind: str, content: bytes) -> int:
    """Where the image ends by its own format; what comes after it is not shown by any viewer."""
    if kind == "PNG":
        at = content.rfind(b"IEND")
        return at + 8 if at >= 0 else len(content)
    if kind == "JPEG":
        return content.rfind(b"\xff\xd9") + 2
    if kind == "WEBP":
        return min(len(content), int.from_bytes(content[4:8], "little") + 8)
    return content.rfind(b"\x00\x3b") + 2
