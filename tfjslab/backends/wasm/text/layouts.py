"""How tensors lie in a plan's memory, and how output pixels are cut into register tiles.

Two layouts: *rows* is row-major, as outside. *planes* is channel-major for rank 4 (NHWC outside): each image and
channel is a plane of H * W floats, vectors run over pixels, weights are the same for a whole vector. Planes are
``pitch`` floats apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from tfjslab.base.shapes import Shape
from tfjslab.ops.window import Window

_LINE_FLOATS = 16  # a cache line of 64 bytes


class Layout(Enum):
    """Row-major, or channel planes."""

    ROWS = "rows"
    PLANES = "planes"


def pitch(pixels: int, width: int) -> int:
    """Floats from one plane to the next.

    An odd number of cache lines: planes whose distance is a multiple of a large power of two would all fall into the
    same few cache sets, and a tile reads one line from each plane. Rows that are not whole vectors are stored with a
    tail that the next row overwrites, so the last row needs room.
    """
    tail = 0 if width % 4 == 0 else 3
    lines = -(-(pixels + tail) // _LINE_FLOATS)
    return (lines | 1) * _LINE_FLOATS


def whole_lines(num_bytes: int) -> int:
    """Bytes rounded up to cache lines."""
    line = 4 * _LINE_FLOATS
    return -(-num_bytes // line) * line


def plane_floats(shape: Shape) -> int:
    """Floats that a rank-4 tensor takes as planes."""
    n, h, w, c = shape
    return n * c * pitch(h * w, w)


@dataclass(frozen=True)
class PlaneGeometry:
    """A padded plane whose columns are split by phase, so that strided windows read contiguous vectors.

    ``stride`` is that of the phases: scalar kernels read as well in strides, and have a single phase. Padded column p
    stands in phase ``p % stride`` at index ``p // stride``; a row is ``stride`` phases of ``phase_floats``. ``h`` and
    ``w`` are the copied extent of the source (``top``, ``left`` where it goes).
    """

    h: int
    w: int
    top: int
    left: int
    stride: int
    phase_floats: int
    rows: int

    @property
    def row_bytes(self) -> int:
        """Bytes of a padded row, all phases."""
        return 4 * self.stride * self.phase_floats

    @property
    def plane_bytes(self) -> int:
        """Bytes of a padded plane, rounded up so that planes stay aligned."""
        return (-(-self.rows * self.row_bytes // 64) | 1) * 64

    def column_bytes(self, x: int) -> int:
        """Byte offset in a row of source column ``x``."""
        p = x + self.left
        return 4 * ((p % self.stride) * self.phase_floats + p // self.stride)


def plane_geometry(w: Window, lanes: int) -> PlaneGeometry:
    """The padded plane that window ``w`` reads with vectors of ``lanes`` pixels."""
    (top, _), (left, _) = w.pad
    reach = [(k - 1) * d for k, d in zip(w.size, w.dilation, strict=True)]
    rows = (w.out_size[0] - 1) * w.stride[0] + reach[0] + 1
    whole = -(-w.out_size[1] // lanes) * lanes
    columns = w.stride[1] * whole + reach[1]  # padded columns that any vector may touch
    phases = w.stride[1] if lanes > 1 else 1
    phase = -(-columns // phases)
    return PlaneGeometry(
        min(w.in_size[0], rows - top), min(w.in_size[1], columns - left), top, left, phases,
        -(-phase // lanes) * lanes, rows,
    )


def column_offsets(w: Window, g: PlaneGeometry) -> tuple[int, ...]:
    """Byte offset of each column of taps from the window's left edge in plane ``g``."""
    columns = [kx * w.dilation[1] for kx in range(w.size[1])]
    return tuple(4 * (p % g.stride * g.phase_floats + p // g.stride) for p in columns)


def tap_offsets(w: Window, g: PlaneGeometry) -> list[int]:
    """Byte offset of each tap (ky, kx) from the window's corner in plane ``g``."""
    return [ky * w.dilation[0] * g.row_bytes + column for ky in range(w.size[0]) for column in column_offsets(w, g)]


def cut(n: int, most: int) -> list[tuple[int, int]]:
    """Cut n into pieces of at most ``most``, as equal as they can be: [(size, count)], large ones first."""
    pieces = -(-n // most)
    small, large = n // pieces, n % pieces
    return [(s, c) for s, c in ((small + 1, large), (small, pieces - large)) if c]


def flat_tiles(vectors: int, most: int) -> list[tuple[int, int, int, int]]:
    """Sections of a run of vectors: (vectors a tile, first tile, tiles, first vector)."""
    sections, tile, vector = [], 0, 0
    for size, count in cut(vectors, most):
        sections.append((size, tile, count, vector))
        tile, vector = tile + count, vector + size * count
    return sections


RowSection = tuple[int, int, int, tuple[tuple[int, int], ...]]


def row_tiles(rows: int, vectors: int, at_once: int, across: int) -> tuple[RowSection, ...]:
    """Sections of an image: (rows a tile, first row, tiles, ((vectors a tile, tiles), ...)).

    Rows that are no whole number of vectors have a tail, which lies where the next row begins. So tiles are finished
    from right to left and from top to bottom: then what a tail spoils is written later.
    """
    parts = tuple(cut(vectors, across))
    sections: list[RowSection] = []
    row = 0
    for size, count in cut(rows, at_once):
        sections.append((size, row, count, parts))
        row += size * count
    return tuple(sections)


@dataclass(frozen=True)
class ImageTiles:
    """How a kernel walks over an output image: sections, byte steps of rows in and out, pitch of planes out.

    ``vectors`` is those of a row, ``column_step`` the bytes from one of them to the next in.
    """

    sections: tuple[RowSection, ...]
    vectors: int
    column_step: int
    row_step: int
    row_out: int
    pitch_out: int


def image_tiles(w: Window, g: PlaneGeometry, lanes: int, tile: tuple[int, int], pitch_out: int) -> ImageTiles:
    """Tiles of up to so many rows by so many vectors over padded planes ``g``; more rows where the image is narrow."""
    oh, ow = w.out_size
    vectors = -(-ow // lanes)
    at_once, across = tile
    sections = row_tiles(oh, vectors, max(at_once, at_once * across // vectors), across)
    column_step = 4 * lanes * (w.stride[1] // g.stride)
    return ImageTiles(sections, vectors, column_step, w.stride[0] * g.row_bytes, 4 * ow, pitch_out)
