"""The sheet of labels: ten on a page of letter paper, two by five (4 by 2 inches, as Avery 5163).

The only door to reportlab.
"""

import unicodedata
from collections.abc import Sequence
from io import BytesIO
from typing import NamedTuple

from reportlab.graphics import renderPDF
from reportlab.graphics.barcode.qr import QrCodeWidget
from reportlab.graphics.shapes import Drawing
from reportlab.lib.pagesizes import letter
from reportlab.lib.units import inch
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from firstbell.report import Medium

ACROSS, DOWN = 2, 5
WIDTH, HEIGHT, STEP = 4 * inch, 2 * inch, 4.1875 * inch
LEFT, TOP = 0.15625 * inch, 0.5 * inch
QR = 1.6 * inch
_PAD = 0.15 * inch
HANGS = {Medium.WIRED: "Network cable", Medium.WIFI: "Wi-Fi: no network cable"}
"""How it hangs on the network, for whoever plugs it in (docs/secretary-card.md)."""
_BOLD, _PLAIN = "Helvetica-Bold", "Helvetica"


class Sticker(NamedTuple):
    """What stands on one label. `mac` is "" where nobody has read it yet, `medium` None where nobody says."""

    number: int
    agent: str
    school: str
    room: str
    mac: str
    url: str
    medium: Medium | None = None


def pdf(stickers: Sequence[Sticker], title: str) -> bytes:
    """The sheets."""
    made = BytesIO()
    canvas = Canvas(made, pagesize=letter, invariant=True)
    canvas.setTitle(printable(title))
    canvas.setCreator("First Bell")
    for at, sticker in enumerate(stickers):
        place = at % (ACROSS * DOWN)
        if at and not place:
            canvas.showPage()
        x = LEFT + (place % ACROSS) * STEP
        y = letter[1] - TOP - (place // ACROSS + 1) * HEIGHT
        _draw(canvas, sticker, x, y)
    canvas.save()
    return made.getvalue()


def _draw(canvas: Canvas, sticker: Sticker, x: float, y: float) -> None:
    _qr(canvas, sticker.url, x + _PAD, y + (HEIGHT - QR) / 2)
    left, width = x + _PAD + QR + 0.1 * inch, WIDTH - QR - 0.35 * inch
    _line(canvas, _BOLD, 13, sticker.school, left, y + 1.6 * inch, width)
    _line(canvas, _PLAIN, 12, sticker.room, left, y + 1.36 * inch, width)
    if sticker.medium:
        _line(canvas, _BOLD, 9, HANGS[sticker.medium], left, y + 1.21 * inch, width)
    _line(canvas, _BOLD, 30, str(sticker.number), left, y + 0.84 * inch, width)
    _line(canvas, _PLAIN, 8, sticker.agent, left, y + 0.62 * inch, width)
    if sticker.mac:
        _line(canvas, _PLAIN, 8, f"MAC {sticker.mac}", left, y + 0.46 * inch, width)
    _line(canvas, _PLAIN, 8, "Hung up? Scan this and say so.", left, y + 0.24 * inch, width)


def _qr(canvas: Canvas, url: str, x: float, y: float) -> None:
    widget = QrCodeWidget(url, barLevel="M", barBorder=4)
    left, bottom, right, top = widget.getBounds()
    drawing = Drawing(QR, QR, transform=[QR / (right - left), 0, 0, QR / (top - bottom), 0, 0])
    drawing.add(widget)
    renderPDF.draw(drawing, canvas, x, y)


def _line(canvas: Canvas, font: str, size: float, text: str, x: float, y: float, width: float) -> None:
    """One line, smaller where it is too long, and cut where it would be too small to read."""
    text = printable(text)
    while size > 7 and stringWidth(text, font, size) > width:  # noqa: PLR2004 - points, the smallest to read
        size -= 0.5
    while stringWidth(text, font, size) > width:
        text = f"{text[:-2]}\u2026"
    canvas.setFont(font, size)
    canvas.drawString(x, y, text)


def printable(text: str) -> str:
    """`text` in letters that every PDF reader has a font for: marks that it lacks are left off."""
    if text == text.encode("cp1252", "ignore").decode("cp1252"):
        return text
    plain = unicodedata.normalize("NFKD", text.replace("\u02bb", "\u2018"))
    return "".join(
        letter_ if letter_.encode("cp1252", "ignore") else "?"
        for letter_ in plain
        if not unicodedata.combining(letter_)
    )
