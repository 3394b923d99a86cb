"""The certificate that signs manifests: one's own, or a throw-away one made at the first use."""

import datetime
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from stylexfer.errors import StylexferError

# Each holds PEM text itself (as a Space's secret does) or the path of a file with it.
CERTIFICATE = "STYLEXFER_C2PA_CERTIFICATE"  # the chain, the signer's own first
KEY = "STYLEXFER_C2PA_KEY"  # its private key, without a password

THROW_AWAY = "stylexfer throw-away certificate"  # the organisation that such a one names

# Without a time stamp a signature is worth something only while its certificate is valid.
_YEARS = 10
_CLAIM_SIGNING = ObjectIdentifier("1.3.6.1.4.1.62558.2.1")  # C2PA 2.2, 14.5.1.1
_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


@dataclass(frozen=True)
class Credentials:
    """Who signs: PEM chain, PEM key (PKCS 8) and the algorithm as C2PA calls it."""

    chain: str
    key: str
    algorithm: str
    own: bool  # False: throw-away, nobody's


def _named(text: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, text),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, THROW_AWAY),
        ]
    )


def _issued(
    subject: x509.Name, key: ec.EllipticCurvePrivateKey, issuer: x509.Name, by, is_root: bool
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.timezone.utc)
    usage = {
        "digital_signature": not is_root,
        "key_cert_sign": is_root,
        "crl_sign": is_root,
        "content_commitment": False,
        "key_encipherment": False,
        "data_encipherment": False,
        "key_agreement": False,
        "encipher_only": False,
        "decipher_only": False,
    }
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))  # clocks differ
        .not_valid_after(now + datetime.timedelta(days=365 * _YEARS))
        .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False
        )
    )
    if not is_root:
        purposes = [ExtendedKeyUsageOID.EMAIL_PROTECTION, _CLAIM_SIGNING]
        made = made.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    return made.sign(by, hashes.SHA256())


def throw_away() -> Credentials:
    """A certificate that says nothing about who signs: anybody can make one like it.

    It proves that a file was not changed since it was signed, not by whom it was. The keys live in
    memory only, that of its root not even there.
    """
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name, name = _named("stylexfer, nobody's root"), _named("stylexfer, nobody in particular")
    root = _issued(root_name, root_key, root_name, root_key, True)
    leaf = _issued(name, key, root_name, root_key, False)
    chain = b"".join(made.public_bytes(serialization.Encoding.PEM) for made in (leaf, root))
    return Credentials(chain.decode(), _pem(key), "es256", own=False)


def _pem(key) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def pem(name: str) -> bytes:
    """The PEM text of an environment variable that holds it, or the path of a file with it."""
    value = os.environ[name]
    if "-----BEGIN" in value:
        return value.replace("\\n", "\n").encode()  # some consoles take only one line
    try:
        return Path(value).read_bytes()
    except OSError as error:
        raise StylexferError(
            f"${name} is neither PEM text nor a file that can be read ({error.strerror}): set it to "
            "one of the two."
        ) from error


def _algorithm(key) -> str:
    match key:
        case ec.EllipticCurvePrivateKey() if key.curve.name in _CURVES:
            return _CURVES[key.curve.name]
        case rsa.RSAPrivateKey() if key.key_size >= 2048:
            return "ps256"
        case ed25519.Ed25519PrivateKey():
            return "ed25519"
    raise StylexferError(
        f"C2PA does not sign with the kind of key in ${KEY}: use P-256, P-384, P-521, Ed25519, or "
        "RSA of 2048 bits or more."
    )


def own() -> Credentials | None:
    """The certificate of $STYLEXFER_C2PA_CERTIFICATE and $STYLEXFER_C2PA_KEY; None: not set.

    StylexferError if only one is set, one cannot be read, they do not fit together, or the
    certificate is out of date.
    """
    given = [name for name in (CERTIFICATE, KEY) if os.environ.get(name)]
    if not given:
        return None
    if len(given) == 1:
        raise StylexferError(f"Set both ${CERTIFICATE} and ${KEY}, or neither: one is missing.")
    try:
        chain = x509.load_pem_x509_certificates(pem(CERTIFICATE))
    except ValueError as error:
        raise StylexferError(f"${CERTIFICATE} holds no PEM certificate.") from error
    try:
        key = load_pem_private_key(pem(KEY), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise StylexferError(f"${KEY} holds no PEM private key without a password.") from error
    if key.public_key() != chain[0].public_key():
        raise StylexferError(
            f"The key in ${KEY} is not that of the first certificate in ${CERTIFICATE}."
        )
    if chain[0].not_valid_after_utc < datetime.datetime.now(datetime.timezone.utc):
        raise StylexferError(f"The certificate in ${CERTIFICATE} is out of date: renew it.")
    text = b"".join(made.public_bytes(serialization.Encoding.PEM) for made in chain).decode()
    return Credentials(text, _pem(key), _algorithm(key), own=True)


@cache
def credentials() -> Credentials:
    """The owner's if they are set, else throw-away ones; the same as long as the process runs.

    StylexferError as in `own`.
    """
    return own() or throw_away()
