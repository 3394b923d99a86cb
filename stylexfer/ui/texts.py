"""Every sentence of the page, in one place, so that it can be translated."""

TITLE = "Pose and expression transfer"

INTRO = """\
# Pose and expression transfer
One face lends its head pose and expression to another: the portrait looks where the driver looks \
and smiles when the driver smiles. What comes out is **made by AI**, and the file says so. \
{note} Uploads and results are deleted after about an hour."""

# terms
AGREE = (
    "I may use the faces that I send here: they are mine, or the people agreed to this. I will not "
    "deceive or harm anybody with what comes out."
)
NOT_AGREED = (
    "First tick the box at the top of the page: that you may use the faces that you send. The "
    "examples work without it."
)
USE = "Acceptable use, and how results are marked"
USE_RULES = """\
- Only faces of people who agreed, yours included; of children, only your own.
- No deceiving: nobody may be made to believe that a person said or did what they did not.
- No nudity, no insult, no getting past an identity check.
- Every file that you save here says that AI made it: in its metadata (XMP), in a signed record \
(C2PA) and in an invisible watermark. Do not take these marks away. "Check a file" reads them."""
LABEL = "Visible label"
LABEL_INFO = "'AI-generated' in the corner of results; the invisible marks are always there"
FORMAT = "Pictures as"
FORMAT_INFO = "a whole portrait is JPEG instead of PNG"

DEFAULT_PACK = (
    "This is version 0: {size} × {size} pixels and soft. It was trained on rendered heads, "
    "so no real person's face is in it."
)
OTHER_PACK = "The pack in use is `{pack}`, {size} × {size} pixels. {method}"
METHODS = {
    "transfer": "The method is the paper's.",
    "psp": (
        "It has no motion encoder, so the method is the paper's baseline, pSp latent arithmetic: "
        "a picture as the driver gives its pose, and a clip its expression too."
    ),
    "e4e": (
        "It has no motion encoder, so the method is the paper's baseline, e4e latent arithmetic: "
        "a picture as the driver gives its pose, and a clip its expression too."
    ),
}

DUPLICATE = "Duplicate this Space"
DUPLICATE_INFO = (
    "A Space of your own has no line and no other visitors, and your files go to nobody else. It "
    "needs no secret. CPU Basic is free and enough for this page; it sleeps after two days without "
    "a visitor. ZeroGPU (PRO accounts) lends a GPU for each run, without the Live tab. Other "
    "hardware is billed by the hour, also while nobody uses it: set a sleep time in its settings."
)

# tabs
PICTURE_TAB = "Picture"
CLIP_TAB = "Video"
RANDOM_TAB = "Random"  # four names have to fit on a phone
RANDOM_PERSON = "Random person"
LIVE_TAB = "Live"
CHECK_TAB = "Check"
WITH_PICTURE = "With a picture"
WITH_CLIP = "With a clip"

# check a file
CHECK_INTRO = (
    "### Check a file\nWas this picture or clip made here, and was it changed since? Send it as "
    "you have it: what was saved again, cut or photographed has lost some of its marks."
)
CHECK_FILE = "Picture or clip"
CHECK = "Check this file"
CHECK_HINT = "Nothing was checked yet."

# inputs
PORTRAIT = "Portrait"
DRIVER = "Driver"
DRIVING_CLIP = "Driving clip"
POSE = "Pose"
EXPRESSION = "Expression"
STRENGTH_INFO = "1: as the driver"
RELATIVE = "Relative motion"
RELATIVE_INFO = "adds the driver's change to the portrait's own pose"
BEST_START = "Best start"
BEST_START_INFO = "relative to the driver's frame most like the portrait, not to the first"
FOLLOW = "Move the head"
FOLLOW_INFO = "in the portrait: moves, tilts and nears as the driver's does"
FAITHFUL = "Faithful identity"
FAITHFUL_INFO = "learns the portrait first, some 15 seconds: more alike, moves less"
PART_START = "From"
PART_END = "To"
PART_START_INFO = "seconds into the clip"
PART_END_INFO = "seconds; 0: the clip's end"
STEADINESS = "Steadiness"
STEADINESS_INFO = "against jitter"
SHOW = "Show"
SHOW_FACE = "Face"
SHOW_SIDE = "Side by side"
SHOW_PASTED = "In the portrait"
FIRST_SEED = "First seed"
FIRST_SEED_INFO = "the same seed is the same person"
TRUNCATION = "Truncation"
TRUNCATION_INFO = "0 is the average face, 1 the widest variety"
PEOPLE = "People who do not exist: choose one"
PERSON_SEED = "Person"
PERSON_INFO = "the seed of the chosen person"

# buttons
TRANSFER = "Transfer"
ANIMATE = "Animate"
ANIMATE_WITH_PICTURE = "Animate with this picture"
ANIMATE_WITH_CLIP = "Animate with this clip"
STOP = "Stop"
SHOW_PEOPLE = "Show eight"
NEXT_PEOPLE = "Next eight"

# outputs
PORTRAIT_CROP = "Portrait, aligned"
PERSON_CROP = "Person"
DRIVER_CROP = "Driver, aligned"
INVERSION = "Inversion"
RESULT = "Result"
PASTED = "Result in the portrait"
SEED_CAPTION = "seed {seed}"

EXAMPLES = "Examples"
PICTURE_EXAMPLES = [  # portrait, driver: the rows of examples.picture_rows
    "Hopper, driven by Collins",
    "Mona Lisa, by Collins",
    "Morisot, by Einstein",
    "Bolívar, by Pocahontas",
    "Einstein, by Manuel I",
]
CLIP_EXAMPLES = [  # the rows of examples.clip_rows
    "Collins, driven by clip A",
    "Mona Lisa, by clip B",
    "Pocahontas, by clip A",
]

# while a clip runs
PREPARING = "Reading the portrait"
LEARNING = "Learning the portrait, step {done} of {planned}"
LEARNED_IN_PART = (
    "The machine is busy: the portrait was learned in {done} of {planned} steps, and may be less "
    "like the person than usual."
)
PREPARING_PERSON = "Making the person"
MAKING_PEOPLE = "Person {done} of {total}"
FRAMES_LEFT = "Frame {done} of {total}, about {seconds:.0f} s left"

# before and after it
CLIP_HINT = "Stop keeps the part that is done."
DONE = "{done} of {total} frames at {fps} frames a second, in {seconds:.0f} s."
STOPPED = "Stopped: {done} of {total} frames at {fps} frames a second are kept."
STOPPED_EMPTY = "Stopped before the first frame."
CUT_SHORT = "The clip ends early: it was cut short, or part of it is damaged."
FACELESS = "{count} frames show no face ({spans}); there the last motion is held."
CHANGES = "Another view or person at {times}; the motion of the new face is followed."
SPAN = "from {begin:.1f} s to {end:.1f} s"
MOMENT = "{at:.1f} s"
SOUND_KEPT = "The sound is kept."

# errors
UNEXPECTED = "Something went wrong here, and the reason was noted. Try again, or with another file."
NO_FILE = "Nothing is chosen here yet. Send a file, or click an example."
CHOOSE_A_PART = (
    "The video is longer than {limit:.0f} seconds, which is the limit: {seconds:.0f}. "
    "Choose a part of it with From and To."
)
TOO_MANY_FRAMES = (
    "This part of the video has {frames} frames, and the limit is {limit}. Choose a shorter part "
    "with From and To, or export it at 30 frames a second."
)
NO_SEED = "Type a whole number as the seed, such as 7."

ADDRESS_REFUSED = (
    "The file at this address cannot be had: it takes an http or https address of a public server "
    "that answers within half a minute. Send the file itself instead."
)
ADDRESS_TOO_LARGE = "The file at this address has more than {limit} MB, which is the limit."
NO_CONSENT = (
    "Say that the people in these files agree to this, or that you may use them: pass consent=True."
)
NOT_A_NUMBER = "A setting is no number. Check strengths and steadiness."
BATCH_FILES = "A batch takes lists of 1 to {limit} portraits and as many drivers. Send fewer."
TOO_MANY_PAIRS = "A batch makes at most {limit} results, and these would be {count}. Send fewer."
TOO_MUCH_CLIP = (
    "The clips of a batch, counted once for each portrait, may have {limit:.0f} seconds and {most} "
    "frames, and these have {seconds:.0f} and {frames}. Send fewer or shorter ones."
)
NOTHING_MADE = "Not one result could be made. The first reason: {why}"
PAIR = "Result {done} of {total}"
TOO_MANY_RUNS = "That is too many runs at once from one place. Wait {seconds} s and go on."
TOO_MANY_WAITING = "{limit} of your runs wait in line already. Wait until one is done."
NO_LENGTH = "Say how many bytes are sent (Content-Length)."
UPLOAD_TOO_LARGE = "These files have more than {limit} MB together. Send them one by one."
TOO_MANY_BYTES = "That is more than may be sent from one place within minutes. Try again later."

# live
LIVE_INTRO = (
    "Your camera drives the portrait, in this page. The camera's pictures are worked on in memory, "
    "one at a time, and never stored. At most {seats} visitors at once, {minutes:.0f} minutes a run."
)
LIVE_SHARED_GPU = (
    "Live needs a machine of its own, and this Space shares its GPU (ZeroGPU), which lends it for "
    "seconds at a time. Duplicate the Space on a CPU or a GPU of your own, or run the app on your "
    "computer; the other tabs work here."
)
LIVE_SLOW = "With the pack in use that needs a GPU: on this CPU a picture takes seconds."
LIVE_WHO = "Who appears"
START_LIVE = "Start camera"
SET_NEUTRAL = "Set neutral"
SAVE_LIVE = "Save the last {seconds} seconds"
SAVED_LIVE = "Saved clip"
MIRROR = "Mirror"
MIRROR_INFO = "as in a mirror, both pictures"
LIVE_RELATIVE_INFO = "adds your change since the neutral face; Set neutral takes the present one"
LIVE_LABEL = "AI-generated"  # drawn into the live picture
LIVE_BUSY = "All {seats} live places are taken. Try again in a few minutes."
LIVE_NO_TICKET = "That took too long, so your place was given up. Press Start camera again."
LIVE_GARBLED = "The page sent something that is no camera picture. Reload the page and start again."
LIVE_TOO_LARGE = "The camera's picture is too large. Reload the page and start again."
LIVE_TOO_FAST = "The page sent too many pictures a second. Reload the page and start again."
LIVE_ELSEWHERE = "Another run was started from this page, so this one ended."
LIVE_NOT_RUNNING = "Nothing is live. Press Start camera first."
LIVE_TIME_UP = "The {minutes:.0f} minutes of this run are over. Press Start camera to go on."
LIVE_IDLE = "No camera picture came for {seconds:.0f} seconds, so the run ended. Start it again."
LIVE_WORDS = {  # for the browser's part
    "idle": "Press Start camera. Your browser will ask whether this page may use it.",
    "asking": "Waiting for the camera: allow it in your browser.",
    "connecting": "Connecting.",
    "running": "Live.",
    "noFace": "No face: step into the picture.",
    "stopped": "Stopped. The camera is off.",
    "refused": "The camera was refused. Allow it for this page in your browser, and start again.",
    "noCamera": "No camera was found. Connect one, and start again.",
    "inUse": "The camera can't be opened: another program may use it. Close that, and start again.",
    "insecure": "Browsers lend the camera only to pages with https, or to localhost.",
    "lost": "The connection was lost. Start again.",
    "blocked": "No live connection could be made: something between may not let WebSockets pass.",
    "unsupported": "This browser can't hand out single camera pictures. Use a current one.",
    "neutral": "Neutral is set: look and smile from here.",
    "figures": "{fps} pictures a second, {latency} ms behind the camera",
    "label": LIVE_LABEL,
    "camera": "Your camera",
    "picture": "The portrait, live: AI-generated",
}
