"""A driving clip with sound: a person who says a text, spoken by espeak-ng, as an mp4.

espeak-ng (`apt install espeak-ng`, `brew install espeak-ng`) is used through its library, which
tells when each phoneme begins; the mouth follows those times.
"""

import ctypes
import ctypes.util
import subprocess
import tempfile
import wave
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from imageio_ffmpeg import get_ffmpeg_exe
from tqdm import tqdm

from stylexfer.errors import StylexferError
from train.heads.corpus import identity_seed
from train.heads.expressions import VISEMES, vector
from train.heads.motion import Track, blur, smoothstep, talking_track
from train.heads.stage import Stage

FPS = 25
FINE = 200  # mouth shapes a second, before they are sampled at FPS
LEAD = 0.3  # seconds of silence before the first word
EARLY = 0.03  # the mouth is ahead of the sound
MARGIN = 1.45  # of the picture over the FFHQ crop: the head moves inside the frame

# espeak-ng's phoneme mnemonics (without stress marks) -> shapes one after the other.
# The longest beginning that is listed counts: "o@" is not "o".
SHAPES = {
    "p": "m", "b": "m", "m": "m", "f": "f", "v": "f", "T": "th", "D": "th", "s": "s", "z": "s",
    "t": "t", "d": "t", "n": "t", "S": "sh", "Z": "sh", "tS": "sh", "dZ": "sh", "k": "k", "g": "k",
    "N": "k", "h": "rest", "l": "l", "r": "r", "w": "w", "j": "i", "x": "k", "Q": "k", "*": "t",
    "a": "ae", "aa": "a", "A": "a", "0": "o", "O": "o", "o": "o", "V": "a", "E": "e", "e": "e",
    "@": "e", "3": "r", "I": "e", "i": "i", "U": "u", "u": "u", "Y": "u", "y": "u", "W": "o",
    "eI": "e i", "aI": "a i", "OI": "o i", "oU": "o u", "aU": "a u", "i@": "i e", "e@": "e e",
    "U@": "u e", "o@": "o r", "O@": "o r", "A@": "a r", "_": "rest",
}  # fmt: skip


@dataclass(frozen=True)
class Speech:
    """What was said: samples int16 `[n]` at `rate`, and (seconds, mnemonic) of each phoneme."""

    samples: np.ndarray
    rate: int
    phonemes: list[tuple[float, str]]

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate


class _Id(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    """espeak_EVENT of speak_lib.h."""

    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),  # ms
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    ]


_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)
_LIST_END, _PHONEME = 0, 7  # espeak_EVENT_TYPE
_SYNCHRONOUS, _PHONEME_EVENTS, _UTF8 = 2, 1, 1
_RATE, _PITCH = 1, 3  # espeak_PARAMETER


@cache  # it cannot be opened a second time
def _espeak() -> tuple[ctypes.CDLL, int]:
    """espeak-ng's library, ready, and its sampling rate."""
    name = ctypes.util.find_library("espeak-ng")
    if name is None:
        raise StylexferError(
            "espeak-ng is not installed, and makes the voice: apt install espeak-ng."
        )
    library = ctypes.CDLL(name)
    hertz = library.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONEME_EVENTS)
    if hertz <= 0:
        raise StylexferError("espeak-ng has no data: install the package espeak-ng-data.")
    return library, hertz


def speak(text: str, voice: str = "en-us", rate: int = 155, pitch: int = 50) -> Speech:
    """`text` in the voice of espeak-ng, at `rate` words a minute.

    Raises StylexferError if espeak-ng is not installed or has no such voice.
    """
    library, hertz = _espeak()
    samples, phonemes = [], []

    def receive(sound, count, events):
        if count > 0:
            samples.append(np.ctypeslib.as_array(sound, (count,)).copy())
        k = 0
        while events[k].type != _LIST_END:
            if events[k].type == _PHONEME:
                mnemonic = events[k].id.string.decode(errors="replace")
                phonemes.append((events[k].audio_position / 1000, mnemonic))
            k += 1
        return 0

    callback = _CALLBACK(receive)
    library.espeak_SetSynthCallback(callback)
    if library.espeak_SetVoiceByName(voice.encode()):
        raise StylexferError(f"espeak-ng has no voice {voice}: espeak-ng --voices lists them.")
    library.espeak_SetParameter(_RATE, rate, 0)
    library.espeak_SetParameter(_PITCH, pitch, 0)
    data = text.encode()
    library.espeak_Synth(data, len(data) + 1, 0, 1, 0, _UTF8, None, None)
    library.espeak_Synchronize()
    if not samples:
        raise StylexferError("espeak-ng said nothing: give a --text with words.")
    return Speech(np.concatenate(samples), hertz, phonemes)


def shapes_of(mnemonic: str) -> list[str]:
    """Names of `VISEMES` that a phoneme goes through."""
    bare = mnemonic.lstrip("',%=|~")
    for length in range(len(bare), 0, -1):
        if bare[:length] in SHAPES:
            return SHAPES[bare[:length]].split()
    return ["rest"]


def mouth_track(speech: Speech, actions, n: int) -> np.ndarray:
    """Coefficients `[n, 52]` at `FPS` of the mouth that says `speech` after `LEAD` seconds."""
    fine = np.zeros((int((n / FPS + 1) * FINE), len(actions)))
    time = np.arange(len(fine)) / FINE
    loudness = _loudness(speech, time - LEAD)
    closures = []
    ends = [start for start, _ in speech.phonemes[1:]] + [speech.seconds]
    for (start, mnemonic), end in zip(speech.phonemes, ends, strict=True):
        names = shapes_of(mnemonic)
        edges = LEAD - EARLY + np.linspace(start, end, len(names) + 1)
        for name, a, b in zip(names, edges, edges[1:], strict=False):
            fine[int(a * FINE) : int(b * FINE)] = vector(actions, VISEMES[name])
            if name in ("m", "f"):
                closures.append((name, (a + b) / 2))
    fine *= loudness[:, None]
    fine = blur(fine, FINE, 0.042)
    # lips that must meet do meet, however short the sound
    for name, moment in closures:
        near = np.exp(-0.5 * ((time - moment) / 0.032) ** 2)[:, None]
        shape = vector(actions, VISEMES[name])
        if name == "m":
            shape = np.minimum(1, 1.5 * shape)
        fine = fine * (1 - near) + shape * near
    return fine[:: FINE // FPS][:n]


def _loudness(speech: Speech, time: np.ndarray) -> np.ndarray:
    """How far the mouth opens for the sound at `time` `[n]`, 0.7 .. 1.2; silence: 0.7."""
    power = np.abs(speech.samples.astype(np.float64) / 32768)
    width = speech.rate // 10
    level = np.sqrt(np.convolve(power**2, np.ones(width) / width, "same"))
    level = np.interp(time, np.arange(len(level)) / speech.rate, level, left=0, right=0)
    return 0.7 + 0.5 * np.clip(level / (np.percentile(level, 95) + 1e-9), 0, 1)


def accents(speech: Speech, n: int) -> np.ndarray:
    """`[n]` in [0, 1]: a short beat at the loudest syllables, at least 0.7 s apart."""
    time = np.arange(n) / FPS
    level = _loudness(speech, time - LEAD)
    beats, last = np.zeros(n), -1.0
    for k in range(1, n - 1):
        top = level[k] >= level[k - 1] and level[k] > level[k + 1] and level[k] > 1.05
        if top and time[k] - last > 0.7:
            last = time[k]
            away = np.abs(time - last)
            beats = np.maximum(beats, smoothstep(1 - away / 0.3))
    return beats


def speaking_track(speech: Speech, actions, n: int, seed: int) -> Track:
    """A talking track whose mouth says `speech`; head and brows mark its accents."""
    track = talking_track(actions, n, FPS, seed, mouth_track(speech, actions, n))
    beats = accents(speech, n)
    pose, coeffs = track.pose.copy(), track.coeffs.copy()
    pose[:, 1] -= 3.0 * beats  # a nod
    for name, much in (("browInnerUp", 0.3), ("browOuterUpLeft", 0.2), ("browOuterUpRight", 0.2)):
        k = list(actions).index(name)
        coeffs[:, k] = np.clip(coeffs[:, k] + much * beats, 0, 1)
    return replace(track, pose=pose.astype(np.float32), coeffs=coeffs.astype(np.float32))


def _save_wave(path: Path, speech: Speech, seconds: float) -> None:
    sound = np.zeros(int(seconds * speech.rate), np.int16)
    start = int(LEAD * speech.rate)
    sound[start : start + len(speech.samples)] = speech.samples[: len(sound) - start]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(speech.rate)
        file.writeframes(sound.tobytes())


def clip(
    path: Path,
    text: str,
    seed: int = 0,
    voice: str = "en-us",
    seconds: float = 10.0,
    size: int = 512,
    device: str = "cpu",
) -> None:
    """Write `path`, an mp4 of `seconds` at 25 frames/s (H.264, AAC): person `seed` says `text`.

    The camera stands still and the head moves in the picture. A voice without variant gets one
    that fits the person. Raises StylexferError if the text takes longer than the clip.
    """
    stage = Stage(size=size, device=device)
    shot = stage.shot(identity_seed(0, seed), 0)
    shape = shot.identity.shape
    if "+" not in voice:
        voice += "+f3" if shape.gender > 0.5 else "+m3"
    speech = speak(text, voice, pitch=round(50 + 60 * max(0.0, 0.35 - shape.age)))
    if speech.seconds + LEAD > seconds:
        raise StylexferError(
            f"The text takes {speech.seconds + LEAD:.1f} s: shorten it, or give --seconds "
            f"{int(speech.seconds + LEAD) + 1}."
        )
    n = round(seconds * FPS)
    track = speaking_track(speech, stage.actions, n, seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        sound, whole = Path(folder) / "voice.wav", path.with_name(f".{path.stem}.part.mp4")
        _save_wave(sound, speech, seconds)
        command = [
            *(get_ffmpeg_exe(), "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24"),
            *("-s", f"{size}x{size}", "-r", str(FPS), "-i", "pipe:0", "-i", str(sound)),
            *("-c:v", "libx264", "-crf", "23", "-preset", "slow", "-pix_fmt", "yuv420p"),
            *("-vf", "scale=out_color_matrix=bt709:out_range=tv", "-colorspace", "bt709"),
            *("-color_primaries", "bt709", "-color_trc", "bt709", "-c:a", "aac", "-b:a", "64k"),
            *("-movflags", "+faststart", "-shortest", str(whole)),
        ]
        process = subprocess.Popen(command, stdin=subprocess.PIPE)
        try:
            for k in tqdm(range(n), unit="frame", mininterval=1):
                frame = stage.frame(shot, track.state(k), align="still", margin=MARGIN)
                process.stdin.write(np.ascontiguousarray(frame.image).tobytes())
            process.stdin.close()
            if process.wait():
                raise StylexferError(f"ffmpeg could not write {path} (its message is above).")
            whole.replace(path)
        finally:
            process.kill()
            process.wait()
            whole.unlink(missing_ok=True)
