import datetime
import io
import json

import c2pa
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from PIL import Image

from stylexfer.errors import StylexferError
from stylexfer.marks import Mark, Source, certificate, manifest
from stylexfer.media import encoded_picture

IMAGE = np.random.RandomState(0).randint(0, 256, (80, 96, 3), np.uint8)


@pytest.fixture(autouse=True)
def afresh(monkeypatch):
    for name in (certificate.CERTIFICATE, certificate.KEY, manifest.ANCHORS):
        monkeypatch.delenv(name, raising=False)
    certificate.credentials.cache_clear()
    manifest.trust.cache_clear()
    yield
    certificate.credentials.cache_clear()
    manifest.trust.cache_clear()


def _name(text: str) -> x509.Name:
    pairs = [(NameOID.COMMON_NAME, text), (NameOID.ORGANIZATION_NAME, text)]
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in pairs])


def _certificate(key, issuer_key, *, issuer="Studio root", name="Studio", days=30, root=False):
    now = datetime.datetime.now(datetime.timezone.utc)
    usages = ["digital_signature", "content_commitment", "key_encipherment", "data_encipherment"]
    usages += ["key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"]
    wanted = "key_cert_sign" if root else "digital_signature"
    made = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=60))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(root, None), critical=True)
        .add_extension(x509.KeyUsage(**{u: u == wanted for u in usages}), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    )
    if not root:
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        made = made.add_extension(purpose, False)
    return made.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def _pem(key) -> str:
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    return key.private_bytes(*form, serialization.NoEncryption()).decode()


@pytest.fixture
def studio():
    """Somebody's own certificate: chain, key and root, PEM."""
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP384R1())
    root = _certificate(root_key, root_key, name="Studio root", root=True)
    return _certificate(key, root_key) + root, _pem(key), root


def _read(data: bytes) -> manifest.Manifest | None:
    return manifest.read_manifest(io.BytesIO(data))


@pytest.mark.parametrize("ending", [".png", ".jpg", ".webp"])
@pytest.mark.parametrize("source", list(Source))
def test_pictures_are_signed(ending, source):
    data = encoded_picture(ending, IMAGE, Mark(source, pack="a pack"))
    told = _read(data)
    assert told.intact and told.throw_away and not told.trusted and not told.altered
    assert told.source_type == source.value and told.pack == "a pack"
    assert told.generator.startswith("stylexfer ")


def test_what_the_manifest_holds():
    data = encoded_picture(".jpg", IMAGE, Mark(pack="default"))
    with c2pa.Reader(io.BytesIO(data)) as reader:
        store = json.loads(reader.json())
        assert reader.get_validation_state() == "Valid"
    (told,) = store["manifests"].values()
    assert "ingredients" not in told and "thumbnail" not in json.dumps(told)
    assert [status["code"] for status in store["validation_status"]] == [
        "signingCredential.untrusted"
    ]
    (actions,) = (a["data"]["actions"] for a in told["assertions"] if "actions" in a["label"])
    assert [action["action"] for action in actions] == ["c2pa.created", "c2pa.watermarked.unbound"]
    assert actions[0]["digitalSourceType"] == Source.GENERATED.url
    assert "time" not in told["signature_info"]  # no time stamp: that would ask the network
    plain = io.BytesIO()
    Image.fromarray(IMAGE).save(plain, "JPEG", quality=95, subsampling=0)
    assert len(data) - len(plain.getvalue()) < 8000


def test_one_certificate_a_process():
    first, second = certificate.credentials(), certificate.credentials()
    assert first is second and not first.own
    assert certificate.throw_away().key != first.key


@pytest.mark.parametrize("as_file", [True, False])
def test_ones_own_certificate(monkeypatch, tmp_path, studio, as_file):
    chain, key, root = studio
    for name, text in ((certificate.CERTIFICATE, chain), (certificate.KEY, key)):
        if as_file:
            (tmp_path / name).write_text(text)
            text = str(tmp_path / name)
        monkeypatch.setenv(name, text)
    data = encoded_picture(".png", IMAGE)
    told = _read(data)
    assert told.intact and told.trusted and told.signer == "Studio" and not told.throw_away
    for name in (certificate.CERTIFICATE, certificate.KEY):
        monkeypatch.delenv(name)
    manifest.trust.cache_clear()
    assert not _read(data).trusted  # elsewhere nobody knows the studio
    monkeypatch.setenv(manifest.ANCHORS, root)
    manifest.trust.cache_clear()
    assert _read(data).trusted


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda chain, key: (chain, None), "one is missing"),
        (lambda chain, key: ("/nowhere/a.pem", key), "neither PEM text nor a file"),
        (lambda chain, key: ("-----BEGIN nonsense", key), "holds no PEM certificate"),
        (lambda chain, key: (chain, "-----BEGIN nonsense"), "no PEM private key"),
        (
            lambda chain, key: (chain, _pem(ec.generate_private_key(ec.SECP256R1()))),
            "is not that of the first certificate",
        ),
    ],
)
def test_what_is_wrong_with_a_certificate_is_said(monkeypatch, studio, change, words):
    chain, key = change(*studio[:2])
    monkeypatch.setenv(certificate.CERTIFICATE, chain)
    if key:
        monkeypatch.setenv(certificate.KEY, key)
    with pytest.raises(StylexferError, match=words):
        encoded_picture(".png", IMAGE)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (ec.generate_private_key(ec.SECP256K1()), "kind of key"),
        (rsa.generate_private_key(65537, 1024), "kind of key"),
    ],
)
def test_keys_that_c2pa_does_not_know(monkeypatch, key, words):
    root_key = ec.generate_private_key(ec.SECP256R1())
    monkeypatch.setenv(certificate.CERTIFICATE, _certificate(key, root_key))
    monkeypatch.setenv(certificate.KEY, _pem(key))
    with pytest.raises(StylexferError, match=words):
        certificate.credentials()


@pytest.mark.parametrize(
    "key", [rsa.generate_private_key(65537, 2048), ed25519.Ed25519PrivateKey.generate()]
)
def test_other_kinds_of_keys_sign(monkeypatch, key):
    root_key = ec.generate_private_key(ec.SECP256R1())
    root = _certificate(root_key, root_key, name="Studio root", root=True)
    monkeypatch.setenv(certificate.CERTIFICATE, _certificate(key, root_key) + root)
    monkeypatch.setenv(certificate.KEY, _pem(key))
    assert _read(encoded_picture(".png", IMAGE)).intact


def test_a_certificate_that_is_not_for_this_or_out_of_date(monkeypatch, studio):
    root_key = ec.generate_private_key(ec.SECP256R1())
    key = ec.generate_private_key(ec.SECP256R1())
    monkeypatch.setenv(certificate.KEY, _pem(key))
    monkeypatch.setenv(certificate.CERTIFICATE, _certificate(key, root_key, days=-1))
    with pytest.raises(StylexferError, match="out of date"):
        certificate.credentials()
    monkeypatch.setenv(
        certificate.CERTIFICATE, _certificate(key, root_key, issuer="Studio", root=True)
    )
    with pytest.raises(StylexferError, match="cannot sign"):
        encoded_picture(".png", IMAGE)


def test_nothing_is_fetched():
    """A picture that names a manifest elsewhere makes nobody ask there."""
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF'
        ' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
        ' xmlns:dcterms="http://purl.org/dc/terms/"'
        ' dcterms:provenance="http://127.0.0.1:9/a.c2pa"/></rdf:RDF></x:xmpmeta>'
    )
    file = io.BytesIO()
    Image.fromarray(IMAGE).save(file, "JPEG", xmp=packet.encode())
    assert _read(file.getvalue()) is None


@pytest.mark.parametrize("ending", [".png", ".jpg", ".webp"])
def test_damaged_and_hostile_manifests(ending):
    random = np.random.RandomState(3)
    data = np.frombuffer(encoded_picture(ending, IMAGE), np.uint8)
    start = data.tobytes().find(b"jumb")
    for k in range(60):
        hurt = data.copy()
        hurt[start + random.randint(0, 3000, 9)] = random.randint(0, 256, 9)
        told = _read((hurt[: random.randint(len(hurt))] if k % 3 == 0 else hurt).tobytes())
        assert told is None or isinstance(told.problems, tuple)
    for junk in (b"", b"hello", b"\x89PNG\r\n\x1a\n", b"\x00" * 5000):
        assert _read(junk) is None
