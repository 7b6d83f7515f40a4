"""Whether the district signed an offer. The box's door to Ed25519 for updates."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from firstbell import update
from firstbell.update import Offer, OfferError


def verified(text: str, key: bytes) -> Offer:
    """The offer in `text`, once its signature is good by `key` (32 bytes). Raises OfferError."""
    payload, signature = update.split(text)
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, update.signed_bytes(payload))
    except InvalidSignature as error:
        raise OfferError("the offer was not signed by this district: nothing of it is taken") from error
    return update.read(payload)
