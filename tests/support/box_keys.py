"""A box's key and its request for a certificate, as the openssl command makes them: not our own code's word for it."""

import subprocess
from pathlib import Path


def request(folder: Path, name: str = "box", *, key: str = "ec", subject: str = "/CN=somebody") -> str:
    """A request, PEM, signed by the key in `folder`/`name`.key, which is made if there is none."""
    path = folder / f"{name}.key"
    if not path.exists():
        how = {
            "ec": ["EC", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
            "ec384": ["EC", "-pkeyopt", "ec_paramgen_curve:secp384r1"],
            "rsa": ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
            "ed25519": ["ED25519"],
        }[key]
        openssl("genpkey", "-algorithm", *how, "-out", str(path))
    return openssl("req", "-new", "-key", str(path), "-utf8", "-subj", subject)


def openssl(*arguments: str, fails: bool = False) -> str:
    """What openssl prints. It must succeed, or with `fails` must not."""
    ended = subprocess.run(["openssl", *arguments], capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode != 0) is fails, ended.stdout + ended.stderr
    return ended.stdout + (ended.stderr if fails else "")
