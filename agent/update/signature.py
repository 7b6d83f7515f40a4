"""Whether the district signed an offer. The box's door to Ed25519 for updates."""

from collections.abc import Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from firstbell import update
from firstbell.update import Offer, OfferError


def verified(text: str, keys: Sequence[bytes]) -> Offer:
    """The offer in `text`, once its signature is good by one of `keys` (32 bytes each). Raises OfferError."""
    payload, signature = update.split(text)
    if not any(_good(key, signature, update.signed_bytes(payload)) for key in keys):
        raise OfferError("the offer was not signed by this district: nothing of it is taken")
    return update.read(payload)


def _good(key: bytes, signature: bytes, signed: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, signed)
    except InvalidSignature:
        return False
    return True
